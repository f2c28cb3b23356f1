// Package truth holds what a collector should have said of known traffic, and compares it with what it did say.
//
// [RED] is calls and durations per series, [Traces] is what is known of each trace. Both come from three places: files that
// were computed beforehand ([ReadRED], [ReadTraces]), spans at hand ([Builder]), and the load generator, which knows what it
// sent. What was observed is put into the same types by the sinks, so that one [RED.Diff] serves all of them.
//
// Counts and durations are integers (nanoseconds) wherever they are known exactly. Nothing here is safe for concurrent use.
package truth
