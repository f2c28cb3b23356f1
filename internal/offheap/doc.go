// Package offheap gives memory that the garbage collector neither scans nor counts: anonymous mappings, given back to the
// system at once when they are freed. On systems without them, and under the race detector, which does not see mappings,
// it is ordinary Go memory behind the same functions.
//
// Whoever holds a region must not use it after Free: a mapping is gone then, and touching it ends the process.
package offheap
