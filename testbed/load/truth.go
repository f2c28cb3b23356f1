package load

import (
	"math/bits"

	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// Acked is the set of requests that were acknowledged: a bit for each request of each round.
type Acked struct {
	rounds []uint64
}

func (a *Acked) set(round, request int) {
	for len(a.rounds) <= round {
		a.rounds = append(a.rounds, 0)
	}
	a.rounds[round] |= 1 << request
}

// Requests returns how many requests were acknowledged.
func (a Acked) Requests() int {
	n := 0
	for _, r := range a.rounds {
		n += bits.OnesCount64(r)
	}
	return n
}

// each calls f for each acknowledged request with the cohort of its traces.
func (a Acked) each(p *Plan, f func(r *request, cohort int)) {
	for round, set := range a.rounds {
		for ; set != 0; set &= set - 1 {
			r := &p.requests[bits.TrailingZeros64(set)]
			f(r, round-r.part)
		}
	}
}

// RED returns calls and durations of all acknowledged spans.
func (p *Plan) RED(a Acked) *truth.RED {
	var times [RequestsPerRound]uint64
	for _, set := range a.rounds {
		for ; set != 0; set &= set - 1 {
			times[bits.TrailingZeros64(set)]++
		}
	}
	r := truth.NewRED(Bounds)
	for i, n := range times {
		if n > 0 {
			r.Add(p.requests[i].red, n)
		}
	}
	return r
}

// Traces returns what was acknowledged of each trace, with times that count from the trace's start. It holds every trace: a
// hundred bytes each.
func (p *Plan) Traces(a Acked) truth.Traces {
	return p.tracesOf(a, func(*traceModel) bool { return true })
}

// TracesToKeep returns those of [Plan.Traces] that have an error or an extent of more than 500 ms once all their spans have
// arrived. Where only some were acknowledged, [truth.Trace.KeptBy] tells whether they suffice.
func (p *Plan) TracesToKeep(a Acked) truth.Traces {
	return p.tracesOf(a, func(t *traceModel) bool { return t.mustKeep })
}

func (p *Plan) tracesOf(a Acked, want func(*traceModel) bool) truth.Traces {
	traces := truth.Traces{}
	a.each(p, func(r *request, cohort int) {
		for i := range r.patches {
			q := &r.patches[i]
			t := r.traces[q.slot]
			model := &p.traces[t]
			if !want(model) {
				continue
			}
			number := uint64(cohort*len(p.traces) + t)
			traces.Span(p.TraceID(number), int64(q.start), int64(q.end), model.spans[q.span].isError)
		}
	})
	return traces
}
