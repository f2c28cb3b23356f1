// Package remotewrite is the substance of a Prometheus remote-write sender: what is sent, how it is encoded, which
// shard sends it, what is kept of it on disk, and what an answer means. It follows the Remote-Write specifications 1.0
// and 2.0-rc.4.
//
// A payload of [Series] (made by package translate from OTLP metrics) enters a [Queue], whole or not at all. What goes out
// with the same [Headers] is a route; a route has generations, one after the other, each with a number of [Shard]s, and a
// [Series.Key] chooses among those of the newest. A shard appends to its open batch and hands out finished ones first in,
// first out. A [Batch] is bytes and counts, ready to be sent. [ReadResponse] and [Negotiation] say what becomes of a batch
// that was sent; [Batch.Split], [Batch.Transcode] and [Batch.PartHistograms] make new ones where the endpoint wants less,
// or the older message.
//
// With [QueueConfig.Log], what a payload appends to the batches is written to a log (package segmentlog, in the format that
// journal.go draws) before the payload is accepted, and a batch is done when a record says so. ADR 0010 has the reasons.
//
// What it is not: it opens no connection, starts no goroutine, reads no clock and writes no messages. The exporter does.
//
// Invariants:
//
//   - The samples of a series leave in the order they came: a shard has one request in flight, a shard of a generation sends
//     only when the generation before is empty, and parts of a batch change places only where they share no series.
//   - A batch that is sent again after a restart is the same, to the byte.
//   - What leaves the queue was delivered, or counted by [QueueConfig.Lost] or the sender.
//
// Concurrency: Queue and Negotiation may be used by any number of goroutines; one lock guards a queue: encoding and
// writing to the log happen under it, sending, reading back and parting don't. [Shard.Next], [Shard.Done], [Shard.Replace],
// [Shard.Rotate] and [Shard.Park] belong to the shard's sender. A Batch that was handed out changes only in Park, which may forget its body.
//
// Bounds: [QueueConfig] says. A batch has at most its byte limit and [MaxSeries].
package remotewrite
