// Package load generates the reference load: OTLP requests encoded beforehand, in which only ids and times are patched before
// each is sent, so that the generator is never what limits a measurement.
//
// A [Plan] is 64 encoded requests and all that is known of their spans. It is made from a [Spec] and nothing else: one spec,
// one plan, byte for byte. [Start] sends the requests of a plan round after round, each round in an order of its own, until it
// is told to stop or a number of rounds is done, and remembers what was acknowledged; [Plan.RED], [Plan.Traces] and
// [Plan.TracesToKeep] say what a collector must make of that.
//
// What is new every time: trace ids (a hash of the seed and the trace's number, so that they are uniform and can be told
// again later), span and parent ids (each template id xor a number of its trace's own, so that parents stay right and none
// is ever zero) and times (all spans of a trace move together; durations and extents never change). All else in a request
// repeats after 64 requests.
//
// Two shapes: in [Whole] a request holds whole traces, grouped by resource. In [Scattered] a request holds one span each of
// its traces, and a trace's 8 spans go out in 8 successive rounds, which is how SDKs in 8 processes would send it.
package load
