package metricload

import "fmt"

// Shape says what series a load has and how a round is spread over its time.
type Shape int

const (
	// Agents has gauges and counters of 8 labels, job and instance among them; requests are spread evenly.
	Agents Shape = iota
	// Flush has counters of calls and histograms of durations; all requests of a round come at its begin.
	Flush
)

// String returns the name that reports use.
func (s Shape) String() string { return [...]string{"agents", "flush"}[s] }

// Spec says what a plan is made of.
type Spec struct {
	Shape Shape
	// Resources is the number of requests of a round: each has one resource. At least 1.
	Resources int
	// Seed is what all values follow from.
	Seed uint64
}

// What a resource has.
const (
	gauges, counters  = 10, 10
	methods, routes   = 5, 10
	operations        = 67
	seriesOfHistogram = 14 // 11 bounds, +Inf, _sum, _count
)

// bounds are those of the histograms, in milliseconds.
var bounds = []float64{5, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000}

// SeriesPerRequest is how many series remote write makes of a request, target_info apart.
func (s Spec) SeriesPerRequest() int {
	if s.Shape == Flush {
		return operations * (1 + seriesOfHistogram)
	}
	return (gauges + counters) * methods * routes
}

// PointsPerRequest is the number of OTLP data points of a request.
func (s Spec) PointsPerRequest() int {
	if s.Shape == Flush {
		return operations * 2
	}
	return s.SeriesPerRequest()
}

// Series is the number of series of a round, target_info apart.
func (s Spec) Series() int { return s.Resources * s.SeriesPerRequest() }

func (s Spec) validate() error {
	if s.Resources < 1 {
		return fmt.Errorf("a load needs at least one resource (got %d)", s.Resources)
	}
	return nil
}
