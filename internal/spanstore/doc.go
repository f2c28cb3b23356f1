// Package spanstore keeps on disk what an engine would need to go on after its process was killed: the requests that it accepted,
// and what it decided. It is two logs of package segmentlog in one directory:
//
//	requests
//	 0  arrival   Unix milliseconds, 8 bytes, little endian as all numbers
//	 8  context   all that is left of the meta; most have none
//	    body      the request's bytes
//
//	decisions
//	 0  kind      'd' dropped or 's' sent
//	 1  time      Unix milliseconds, 8 bytes
//	 9  context   of the spans that were sent, all that is left of the meta
//	    body      trace ids of 16 bytes, those of sent traces each with a number of spans of 4 bytes
//
// A context is what the engine's door knows of a request's spans beside their bytes, a text of its own that means the same in
// another process. Each record has it whole, so that any record can be removed. It is at most [ContextMax] bytes long; what
// comes with a longer one is not stored and counted as failed.
//
// A request is in the log before it is recorded anywhere; a trace is in the log as dropped soon after its decision, as sent once
// the next consumer took it or it was given up. So after a kill anything that was accepted is there, what was sent is
// known but for what was being sent, and whatever was decided since the last [Store.Flush] is decided again.
//
// What is told of a sent trace is how many of its spans of a context went out: the first ones, in the order of the log.
//
// Concurrency: all methods may be called by any number of goroutines.
package spanstore
