// Package spanview is the waist of the hourglass: the one view of a span that every reader fills and every observer sees.
//
// A reader (the wire scanner of internal/otlpwire, or a door that holds pdata) turns one request into a [Batch]; the
// observers (sampling, red, slo, coverage) walk the batch and know nothing of the reader. What an observer needs beyond
// the fixed fields of a span it asks for once, when the configuration is compiled: [Schema.SpanSlot] and
// [Schema.ResourceSlot] turn an attribute key into a slot, and the reader fills that slot for every span or resource.
//
// Lifetime: all strings in a batch alias the request's bytes. They are valid until the observer returns; what must live
// longer is copied (strings.Clone). A batch is used by one goroutine at a time and is reset and reused between requests.
package spanview
