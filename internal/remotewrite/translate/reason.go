package translate

// Reason says why a data point was left out.
type Reason int

const (
	// DeltaTemporality: the value counts since the last report, which Prometheus has no type for, and nothing accumulates it.
	DeltaTemporality Reason = iota
	// UnspecifiedTemporality: a sum or histogram that doesn't say what it counts since.
	UnspecifiedTemporality
	// InvalidName: nothing is left of the metric's name when it is escaped.
	InvalidName
	// InvalidLabel: an attribute's key cannot be escaped into a label name.
	InvalidLabel
	// NoTimestamp: the point has no time.
	NoTimestamp
	// NoValue: the point has no value, and doesn't say that there is none.
	NoValue
	// InvalidHistogram: bounds, buckets and count contradict each other.
	InvalidHistogram
	// HistogramScale: an exponential histogram coarser than native ones can be (scale below -4).
	HistogramScale
	// DeltaOutOfOrder: a delta point no newer than what its series accumulated before.
	DeltaOutOfOrder
	// DeltaSeriesLimit: a delta point of a series for which the accumulator has no room.
	DeltaSeriesLimit

	// Reasons is how many there are.
	Reasons
)

// String returns the reason as it is written in metrics.
func (r Reason) String() string {
	return [Reasons]string{
		"delta_temporality", "unspecified_temporality", "invalid_name", "invalid_label",
		"no_timestamp", "no_value", "invalid_histogram", "histogram_scale",
		"delta_out_of_order", "delta_series_limit",
	}[r]
}

// Dropped counts data points that were left out, by reason.
type Dropped [Reasons]int

// Total returns the sum over all reasons.
func (d *Dropped) Total() int {
	n := 0
	for _, c := range d {
		n += c
	}
	return n
}
