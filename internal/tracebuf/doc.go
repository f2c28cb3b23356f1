// Package tracebuf holds what has been received and not yet decided: the bytes of spans in slabs, a record for each
// trace in a sharded table, and what was decided of traces that are gone. All of it lives off the Go heap, pointer-free,
// under one byte budget.
//
// A slab is filled by one [Writer] at a time. A request takes a contiguous piece of a slab of bodies and one of a slab of
// heads:
//
//	| body (OTLP bytes) | joined |     | group (40 B) per ScopeSpans | Head (48 B) per span |
//
// A head names its slab of bodies, into which it and its group point by offsets, so that bodies can move without a head
// noticing. The heads of a trace are chained, newest first, by [Ref]s. Each shard of the table keeps its records in one
// ring in order of their first arrival:
//
//	expire cursor          decide cursor            tail
//	     | decided, rescuable    | undecided          |
//
// and an index of 8 bytes a trace from the hash of the trace id to the ring position.
//
// Sealed slabs of bodies may be compressed ([Buffer.Compress]) in blocks, into packed slabs; the memory they were in is used
// again, and a row of the blocks' places stands for it. A chain is read out of a cache of inflated blocks.
//
// Invariants:
//   - A record's chain only points into slabs, of heads and by them of bodies, whose last arrival is not before the record's
//     first arrival.
//   - A sealed slab is recycled only when every record in every ring arrived after the slab's last arrival,
//     only if it was sealed before the rings were looked at, and not while it is being compressed.
//   - A packed slab's last arrival is not before that of any slab with a block in it.
//   - Records leave a ring in order, decided and with nothing pending.
//
// Concurrency: a Writer belongs to one goroutine at a time; [Buffer.Record] locks a shard once a call. Deciding,
// expiring and recycling are serialized by one mutex, so that a chain handed to an emitter stays readable until it returns.
// Compressing reads a sealed slab, which nobody writes to, outside of all locks, and takes that mutex to put the result in its place.
// Time is milliseconds of the caller's clock and may stand still, but a shard never lets it run backwards.
package tracebuf
