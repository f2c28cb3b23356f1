// Package peers holds what bench-peers and bench-remotewrite compare: the reference job, and that of sending metrics on, as
// configurations of the stock collector (contrib), of this project's own binary (ours) and of Prometheus' agent; and the
// manifest the stock collector is built from.
//
// Both configurations of the reference job do the same: ask the same twelve policies of eleven types, which come to errors, traces of more
// than 500 ms, a few spans a second by a limit, and 1 % of the rest; calls and durations
// with exemplars by service, name, kind, status, method, route and response code; kept traces to an OTLP sink uncompressed,
// metrics by remote write. Own telemetry is at its default level in both, on a port of the caller's choice.
package peers
