// Package tracestore holds the latest kept traces as the bytes that OTLP has for them, up to a bound in bytes, and serves them
// by trace id the way Tempo's query API does. So an exemplar opens without any other backend.
//
// What is stored of a trace is one ExportTraceServiceRequest for each time that spans of it came. Behind one another they
// are one request, which is Tempo's message Trace too. The oldest go first.
package tracestore
