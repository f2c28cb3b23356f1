// Package prometheusremotewriteexporter sends metrics to Prometheus and to what else speaks Remote-Write 1.0 or 2.0.
//
// It is a thin door: internal/remotewrite translates, encodes, shards, keeps the log on disk and reads answers; this package
// has the configuration, the clock, the HTTP client, one sender goroutine per shard, the log messages and the exporter's own
// metrics.
// README.md describes it for users.
package prometheusremotewriteexporter
