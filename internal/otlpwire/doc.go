// Package otlpwire reads and writes OTLP trace requests as bytes: a span is never turned into objects.
//
// [Scan] reads an ExportTraceServiceRequest in place into a spanview.Batch and validates it to its last byte. What it
// accepts, what it refuses and what it understands is what pdata v1.66 does (ptraceotlp.ExportRequest.UnmarshalProto),
// to the letter: also for repeated sub-messages, unknown fields, groups and numbers longer than they need to be. Two
// bounds are its own: values nested deeper than [MaxDepth], which pdata reads by recursion without a limit, and
// requests of 2 GiB or more, whose offsets do not fit an Extent.
//
// [Assembler] builds a request out of the bodies of spans, resources and scopes that Scan found. What no message
// definition of today knows survives in them byte for byte.
//
// There is one place that knows the messages (message.go) and one that reads any field by it (field.go). The hot loops
// (span.go, attribute.go) put shortcuts for the usual encoding before it and leave everything else to it.
//
// The package is not a general protobuf library, holds no state between calls and starts no goroutine. All functions may
// be used from several goroutines; an Assembler and a Batch belong to one at a time. In steady state nothing allocates.
package otlpwire
