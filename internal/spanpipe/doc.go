// Package spanpipe is the engine: it takes requests as bytes and ties reading (otlpwire), observing (sampling, red, slo),
// recording (tracebuf), deciding (sampling again, on records alone) and sending into the one pass of docs/adr/0001.
//
// It knows no Collector package but pdata, in which it hands out metrics. A door (a receiver) gives it requests, calls
// [Engine.Run] in a goroutine of its own, asks for metrics with [Engine.Flush], and is handed kept traces as OTLP bytes.
//
// Concurrency: a request occupies one lane from [Engine.NewRequest] to [Request.Accept] or [Request.Discard]. There are
// as many lanes as processors, fewer in a small budget; a lane owns its slab, its batch and its part of the observers'
// state, so that requests share nothing but the trace table's shards. Nothing may block while a lane is held.
package spanpipe
