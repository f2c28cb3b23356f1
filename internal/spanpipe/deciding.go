package spanpipe

import (
	"sync/atomic"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// deciding is what the buffer asks: the policies of the plan in force, and beside them their shadow.
type deciding struct {
	engine *Engine
	// policies are those of the round under way; rounds are serialized.
	policies *sampling.Policies
	// names are the numbers that the decision log knows its policies by.
	names  []int32
	shadow shadowCounts
}

var (
	_ tracebuf.Decider = (*deciding)(nil)
	_ tracebuf.Judge   = (*deciding)(nil)
)

func (d *deciding) current() *sampling.Policies { return d.engine.plan.Load().policies }

// Begin implements tracebuf.Decider.
func (d *deciding) Begin(now int64) (survey bool) {
	if p := d.current(); p != d.policies {
		d.policies, d.names = p, d.engine.decided.name(p)
	}
	survey = d.policies.Begin(now)
	if s := d.policies.Shadow(); s != nil && s.Begin(now) {
		survey = true
	}
	return survey
}

// Survey implements tracebuf.Decider.
func (d *deciding) Survey(r *tracebuf.Record) {
	d.policies.Survey(r)
	if s := d.policies.Shadow(); s != nil {
		s.Survey(r)
	}
}

// Settle implements tracebuf.Decider.
func (d *deciding) Settle() {
	d.policies.Settle()
	if s := d.policies.Shadow(); s != nil {
		s.Settle()
	}
}

// Decide implements tracebuf.Decider.
func (d *deciding) Decide(r *tracebuf.Record) tracebuf.Verdict {
	v := d.policies.Decide(r)
	if s := d.policies.Shadow(); s != nil {
		d.shadow.add(r, v.Keep, s.Decide(r).Keep)
	}
	return d.named(v)
}

// named gives the verdict's policy the number that it is known by in the decision log, which outlives a reload.
func (d *deciding) named(v tracebuf.Verdict) tracebuf.Verdict {
	if v.Policy != sampling.NoPolicy {
		v.Policy = int(d.names[v.Policy])
	}
	return v
}

// Follow implements tracebuf.Decider.
func (d *deciding) Follow(r *tracebuf.Record) tracebuf.Verdict {
	return d.named(d.policies.Follow(r))
}

// Rescues implements tracebuf.Judge.
func (d *deciding) Rescues(before, r *tracebuf.Record) bool { return d.current().Rescues(before, r) }

// RescuesAlone implements tracebuf.Judge.
func (d *deciding) RescuesAlone(s *spanview.Span) bool { return d.current().RescuesAlone(s) }

// Decisive implements tracebuf.Judge.
func (d *deciding) Decisive(r *tracebuf.Record) bool { return d.current().Decisive(r) }

// shadowCounts compare what was decided with what shadow policies would have. The first index is what was done, the second what
// they would do: 0 drop, 1 keep.
type shadowCounts [2][2]struct{ traces, spans, bytes, errorTraces atomic.Uint64 }

func (c *shadowCounts) add(r *tracebuf.Record, kept, wouldKeep bool) {
	n := &c[index(kept)][index(wouldKeep)]
	n.traces.Add(1)
	n.spans.Add(uint64(r.Spans))
	n.bytes.Add(uint64(r.Bytes))
	if r.Errors > 0 {
		n.errorTraces.Add(1)
	}
}

func index(keep bool) int {
	if keep {
		return 1
	}
	return 0
}

// Shadowed is how many traces were decided in a way and would be in a way by the shadow policies, and how much they are.
type Shadowed struct {
	Kept, WouldKeep      bool
	Traces, Spans, Bytes uint64
	// ErrorTraces are those with a span of status ERROR.
	ErrorTraces uint64
}

// list returns all four counts.
func (c *shadowCounts) list() []Shadowed {
	out := make([]Shadowed, 0, 4)
	for _, kept := range []bool{false, true} {
		for _, would := range []bool{false, true} {
			n := &c[index(kept)][index(would)]
			out = append(out, Shadowed{
				Kept: kept, WouldKeep: would, Traces: n.traces.Load(), Spans: n.spans.Load(), Bytes: n.bytes.Load(), ErrorTraces: n.errorTraces.Load(),
			})
		}
	}
	return out
}
