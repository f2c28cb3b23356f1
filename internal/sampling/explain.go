package sampling

import "github.com/otelcol-slo/otelcol-slo/internal/tracebuf"

// Answer is what a policy says of a trace as its record stands.
type Answer struct {
	Policy string
	// Drops: it is a drop policy.
	Drops bool
	// Matches: it holds for the trace.
	Matches bool
	// Share is with which probability it holds for a trace of this record: 1 where it does not sample, 0 where it does not hold
	// at any randomness. It is not known where the policy does not go by randomness.
	Share float64
	Known bool
	// Settled: it holds, whatever else arrives.
	Settled bool
}

// Explain returns the answers of all policies, in the order of the configuration. Those of policies that look at other
// traces are those of the last round.
func (p *Policies) Explain(r *tracebuf.Record) []Answer {
	f := recordFacts(r)
	out := make([]Answer, len(p.names))
	for _, list := range [][]policy{p.drops, p.keeps} {
		for i := range list {
			o := list[i].when.eval(f)
			out[list[i].index] = Answer{
				Policy: p.names[list[i].index], Matches: o.threshold <= f.randomness,
				Share: 1 - float64(o.threshold)/float64(never), Known: !o.hashed && !o.aside, Settled: o.settled,
			}
		}
	}
	for _, d := range p.drops {
		out[d.index].Drops = true
	}
	return out
}

// Randomness returns R of a trace.
func Randomness(r *tracebuf.Record) uint64 { return randomness(r.TraceID, r.Randomness) }
