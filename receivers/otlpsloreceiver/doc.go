// Package otlpsloreceiver is the wire door of the engine in internal/spanpipe: component otlp_slo. It takes OTLP over gRPC
// and HTTP; traces go through the engine as bytes, metrics and logs are passed on as they came.
//
// One instance serves the three signals of a receiver id. In a traces pipeline it hands out the kept traces, in a metrics
// pipeline the metrics made of all spans and those it received, in a logs pipeline the logs it received.
//
// Both servers, internal/rawgrpc's and net/http's, do the same with a request: authenticate, receive it within the share of
// requests in flight ([inFlight]), and give it to the intake of its signal, on the goroutine that the server has for it.
// What they refuse has a reason out of a closed set ([rules]). The package has three goroutines of its own: the engine's, one that flushes metrics, one that looks for
// changed SLO files.
//
// Bounds: requests being received by the engine's in-flight share of the budget, each by the protocol's limit and
// receive_timeout, what decoding them takes by internal/unpack and internal/nesting. README.md describes it for users.
package otlpsloreceiver
