// Package peers holds what bench-peers compares: the reference job as a configuration of the stock collector (contrib) and of
// this project's own binary (ours), and the manifest the stock collector is built from.
//
// Both configurations do the same: keep errors, keep traces of more than 500 ms, keep 1 % of the rest; calls and durations
// with exemplars by service, name, kind, status, method, route and response code; kept traces to an OTLP sink uncompressed,
// metrics by remote write. Own telemetry is at its default level in both, on a port of the caller's choice.
package peers
