// Package otlpsloreceiver is the wire door of the engine in internal/spanpipe: component otlp_slo. It takes OTLP over gRPC
// and HTTP; traces go through the engine as bytes, metrics and logs are passed on as they came.
//
// One instance serves the three signals of a receiver id. In a traces pipeline it hands out the kept traces, in a metrics
// pipeline the metrics made of all spans and those it received, in a logs pipeline the logs it received.
package otlpsloreceiver
