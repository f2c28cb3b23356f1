// Package tracestoreexporter keeps the latest traces in the process and serves them by trace id as Tempo does: type
// trace_store.
package tracestoreexporter
