// Package operations knows the operations of the services that send spans: which there are, since when, and how long they take.
//
// What is called an operation here is whatever its caller gives a hash of: sampling keeps one [Table] of service, span name and
// kind, and one of service and version. A table gives every hash a number. It is bounded: what comes when it is full is told
// to be none, until those that were not seen for an hour are forgotten.
//
// Each goroutine that reads spans has a [Lane]: it finds numbers without a lock, and collects what it saw in a log that is added to the
// table when it is full, and at ticks. From the table's durations, whose weight is halved each minute, [Limit] draws from which
// duration on a span is slow for its operation.
//
// Locks are taken in this order: the table's list of lanes, lanes, the table. Nothing is allocated but for what is new.
package operations
