// Package spanstore keeps on disk what an engine would need to go on after its process was killed: the requests that it accepted,
// and what it decided. It is two logs of package segmentlog in one directory:
//
//	requests    meta: arrival, Unix milliseconds      body: the request's bytes
//	decisions   meta: kind, time, Unix milliseconds   body: trace ids, those of sent traces each with a number of spans
//
// A request is in the log before it is recorded anywhere; a trace is in the log as dropped soon after its decision, as sent once
// the next consumer took it or it was given up. So after a kill anything that was accepted is there, what was sent is
// known but for what was being sent, and whatever was decided since the last [Store.Flush] is decided again.
//
// What is told of a sent trace is how many of its spans went out: the first ones, in the order of the log.
//
// Concurrency: all methods may be called by any number of goroutines.
package spanstore
