// Package sampling decides which traces are kept.
//
// A configuration of policies compiles into two halves that never call each other. [Policies.Match] looks at the spans
// of one request and sets, for each span, a bit for every predicate it satisfies; what depends on the resource alone is
// asked once a resource. [Policies.Decide] looks at the record of one trace, into which the bits and times of its spans
// were folded, and says keep or drop in a time that depends on the policies only. It never sees a span, so the same
// decision can be made from records that were merged from elsewhere.
//
// Conditions on payload ([Policies.HasConditions]) are asked of the decoded request after Match and set bits of their own.
// What compiles them is handed in ([Options]), so that nothing here knows OTTL.
//
// The YAML keys and the meaning of every policy are those of the tail_sampling processor of
// opentelemetry-collector-contrib v0.160.0; docs/sampling.md lists where they differ. Randomness, thresholds and the
// tracestate entry ot=th follow OTEP 235 (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/).
//
// Some policies compare: relative_latency and first_seen a span with others of its operation, which Match looks up in a table that all
// goroutines share (internal/operations); rare a trace with others of its sketch, which Match draws span by span and Decide counts.
//
// A compiled [Policies] is used by any number of goroutines at once. [Policies.Match] wants a [Scratch] that no other goroutine uses
// meanwhile. Nothing here allocates a span or a trace, but for what is new; a tracestate with an ot= entry costs a parse, once for a
// run of spans that share it.
//
// Bounds: 64 different predicates, 64 attribute keys a level (spanview.MaxSlots).
package sampling
