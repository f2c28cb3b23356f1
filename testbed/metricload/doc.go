// Package metricload generates a load of metrics: OTLP requests encoded beforehand, in which only the points' time is patched
// before each is sent, so that the generator costs next to nothing beside what is measured.
//
// A [Plan] is made from a [Spec] and nothing else. Its requests hold one resource each, as the requests of one process do;
// all of them together, sent once, are a round, in which each series has one sample. [Drive] sends round after round.
// A series' value is the same in every round: nothing measured with this load looks at how values change.
//
// Two shapes. [Agents]: gauges and counters of 8 labels from many processes, their requests spread evenly over the round.
// [Flush]: calls and durations as this project's own receiver makes them, a histogram of 11 bounds beside each counter, the
// requests of a round one after another, then nothing until the next. There are no exemplars and no scopes, because peers do
// not agree on what becomes of these by default.
package metricload
