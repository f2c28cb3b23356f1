// Package slo counts the good and the bad events of declared SLOs, exactly, on every span before any is sampled away.
//
// A [Config] declares SLOs, in place or in files ([Source]). [Compile] turns it into a [Counter]: it asks a
// spanview.Schema for the attributes it needs and indexes the SLOs by service. [Counter.Observe] counts a batch,
// [Counter.Flush] writes the counters as metrics. docs/slis.md defines the words: request, bad, slow, excluded.
//
// What an event means to its SLOs is set in its span ([spanview.Span.SLO]), for sampling: whether it is bad, and whether the
// budget that it counts for burns, which [Counter.Turn] judges from the counters. That is all it knows of budgets: it is not
// an alerting engine. Alerts are rules over its counters.
//
// Concurrency: Observe may be called from many goroutines, each on a lane of its own; it holds that lane's lock once a
// batch. Flush adds the lanes up and may run beside Observe. A reload compiles a second Counter from the first: both
// write to one [ledger], so requests still in flight on the old one are counted, and what stays declared goes on counting.
//
// Bounds: groups_max groups an SLO (beyond it, the overflow groups), seriesMax SLOs in the life of the process,
// plansMax services whose plan a lane remembers, burnSubjectsMax services and groups whose burn rate is judged, 256 bytes a
// label value.
package slo
