// Package translate turns OTLP metrics into Prometheus time series, by the rules of OpenTelemetry's "Prometheus and
// OpenMetrics compatibility" specification, with names from github.com/prometheus/otlptranslator.
//
// Gauges and sums become one series a data point; explicit histograms become classic ones (_bucket, _sum, _count), native
// ones with custom buckets, or both; exponential histograms become native ones; summaries become quantiles, _sum and
// _count. job and instance come from the service attributes of the resource, whose other attributes are in target_info.
// A data point without a recorded value becomes a stale marker in every one of its series. The result is ordered by time.
//
// It is not a validator of OTLP: what has no meaning in Prometheus is left out and counted by [Reason], point by
// point, and the rest goes on. Delta temporality is left out unless an [Accumulator] makes it cumulative: that is all
// the state there is.
//
// Concurrency: a [Translator] may be used by any number of goroutines, a [Buffer] by one at a time. [Accumulator.Run]
// lets one payload after the other be translated and queued.
//
// Bounds: a Buffer grows with the payload; what it remembers between payloads (names, bounds, integers) is limited. An
// Accumulator holds a limited number of series.
package translate
