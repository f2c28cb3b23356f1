// Package sink receives what a collector sends, and remembers as much of it as a test needs.
//
// [OTLP] takes OTLP/gRPC: of traces it knows each distinct pair of trace id and span id and how often pairs came again; of
// metrics and logs it counts points and records. [RemoteWrite] takes Prometheus remote write 1.0 and 2.0: of each series its
// samples, exemplars, metadata and every violation of order. Both can be slow, refuse, or be down for a while ([Fault],
// Down, Up), and both can be told only to count, so that they cost next to nothing beside what is measured.
//
// Sinks listen on 127.0.0.1 and are safe for concurrent use. What they remember grows with what they receive.
package sink
