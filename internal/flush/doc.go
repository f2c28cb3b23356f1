// Package flush builds the metrics of one flush: counters that are cumulative, gauges, and the ends of series.
//
// A counter that was not sent before is preceded by a 0 at the time of the last flush, so that increase() and rate() see
// everything that was counted; that 0 is its start timestamp from then on. A series that is over gets a point without a
// value, which becomes a stale marker.
package flush
