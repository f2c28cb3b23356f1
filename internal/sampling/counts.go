package sampling

import "sync/atomic"

// policyCount counts the traces that a policy matched when they were decided. Only deciding adds, one at a time.
type policyCount struct{ traces, spans, bytes atomic.Uint64 }

// match counts a trace that is decided.
func (c *policyCount) match(f facts) {
	if f.asked != asDecided {
		return
	}
	c.traces.Add(1)
	c.spans.Add(uint64(f.spans))
	c.bytes.Add(uint64(f.bytes))
}

// Matched is how many traces a policy matched when they were decided, whatever others said of them, and how much these were. With
// SampleOnFirstMatch, policies behind the first that matches count nothing.
type Matched struct {
	Policy               string
	Drops                bool
	Traces, Spans, Bytes uint64
}

// Matched returns the counts of all policies, in the order of the configuration.
func (p *Policies) Matched() []Matched {
	out := make([]Matched, len(p.counts))
	for i := range p.counts {
		c := &p.counts[i]
		out[i] = Matched{Policy: p.names[i], Traces: c.traces.Load(), Spans: c.spans.Load(), Bytes: c.bytes.Load()}
	}
	for _, d := range p.drops {
		out[d.index].Drops = true
	}
	return out
}
