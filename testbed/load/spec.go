package load

import "fmt"

// Shape says how traces are spread over requests.
type Shape int

const (
	// Whole puts all spans of a trace into one request.
	Whole Shape = iota
	// Scattered puts each span of a trace into another request, one round apart.
	Scattered
)

// The reference load's fixed figures.
const (
	// RequestsPerRound is the number of requests encoded beforehand.
	RequestsPerRound = 64
	// SpansPerTrace is the number of spans of every trace.
	SpansPerTrace = 8
	serviceCount  = 20
)

// Spec says what a plan is made of.
type Spec struct {
	Shape Shape
	// TracesPerRequest is how many traces have spans in a request: all of their spans in a whole plan, one in a scattered plan.
	TracesPerRequest int
	// ErrorShare and SlowShare are the shares of traces with an error, and with an extent of more than 500 ms: of all traces
	// of the plan, rounded down, at least one where the share is not 0. No trace is both unless the shares add up to more than 1.
	ErrorShare float64
	SlowShare  float64
	// Seed is what all random choices follow from.
	Seed uint64
}

// Reference returns the reference load: 256 spans a request, whole traces.
func Reference() Spec {
	return Spec{Shape: Whole, TracesPerRequest: 32, ErrorShare: 0.01, SlowShare: 0.01, Seed: 1}
}

// ReferenceScattered returns the reference load's second shape: 256 spans a request, one of each trace.
func ReferenceScattered() Spec {
	s := Reference()
	s.Shape, s.TracesPerRequest = Scattered, 256
	return s
}

// ReferenceSmall returns the reference load in small requests: 16 spans, two whole traces.
func ReferenceSmall() Spec {
	s := Reference()
	s.TracesPerRequest = 2
	return s
}

// SpansPerRequest is the number of spans of every request.
func (s Spec) SpansPerRequest() int {
	if s.Shape == Scattered {
		return s.TracesPerRequest
	}
	return s.TracesPerRequest * SpansPerTrace
}

// tracesPerCohort is how many traces begin with each round.
func (s Spec) tracesPerCohort() int {
	if s.Shape == Scattered {
		return RequestsPerRound / SpansPerTrace * s.TracesPerRequest
	}
	return RequestsPerRound * s.TracesPerRequest
}

// roundsPerTrace is over how many rounds a trace is spread.
func (s Spec) roundsPerTrace() int {
	if s.Shape == Scattered {
		return SpansPerTrace
	}
	return 1
}

func (s Spec) validate() error {
	if s.TracesPerRequest < 1 || s.TracesPerRequest > 65535 {
		return fmt.Errorf("traces per request must be between 1 and 65535 (got %d)", s.TracesPerRequest)
	}
	for _, share := range []float64{s.ErrorShare, s.SlowShare} {
		if share < 0 || share > 1 {
			return fmt.Errorf("a share of traces must be between 0 and 1 (got %g)", share)
		}
	}
	return nil
}
