// Package red counts every span: calls, errors and durations by service, operation, kind, status and configured
// dimensions, cumulative, with exemplars of kept traces. Names, attributes and values are those of contrib's span_metrics
// connector; docs/metrics.md is the contract.
//
// It does not sample, keep spans, or know time: the caller passes it. It is no exporter: [Aggregator.Flush] writes pdata.
//
//	Observe -> lane: table of counts since the last flush -- Flush --> series: totals since its start -> pmetric
//	             \ first sight of a key since a flush: registry (identity, series id, budget)
//
// A table is keyed by the raw bytes of what identifies a series and is emptied by every flush, so that nothing in a lane
// ever has to be expired. The registry is keyed by the series' label texts; several raw keys may lead to one series.
//
// Concurrency: Observe may be called from many goroutines; it holds its lane's lock once a batch. Flush may run beside
// Observe: it holds a lane's lock only to swap the lane's table for an empty one. Two flushes wait for each other.
//
// Bounds: aggregation_cardinality_limit series, a tenth more (and one) for overflow, twice all of them in a lane's table;
// 1024 bytes a label; max_per_data_point exemplars a series and flush.
package red
