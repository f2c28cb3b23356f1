// Package remotewrite is the substance of a Prometheus remote-write sender: what is sent, how it is encoded, which
// shard sends it, and what an answer means. It follows the Remote-Write specifications 1.0 and 2.0-rc.4.
//
// A payload of [Series] (made by package translate from OTLP metrics) enters a [Queue], whole or not at all. The queue
// splits it by [Series.Key] over its shards; each shard appends to its open batch and hands out finished ones first in,
// first out. A [Batch] is encoded and compressed once, and holds nothing but bytes and counts, so that it is ready to be
// sent, kept or written down. [ReadResponse] and [Negotiation] say what becomes of a batch that was sent; [Batch.Split]
// and [Batch.Transcode] make new ones where the endpoint wants less at once, or the older message.
//
// What it is not: it opens no connection, starts no goroutine, reads no clock and writes no log. The exporter does.
//
// Concurrency: Queue and Negotiation may be used by any number of goroutines. [Queue.Head], [Queue.Done] and
// [Queue.Replace] of one shard belong to one goroutine, the shard's sender: that keeps one request in flight per shard
// and the samples of a series in order. A Batch never changes once it was handed out.
//
// Bounds: the queue holds at most its byte and payload limits; a batch at most its byte limit and [MaxSeries].
package remotewrite
