package sampling

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// parted is a trace whose spans have names, services and parents too.
type parted struct {
	oracleTrace
	names []string
	roots []bool
}

func randomParted(rng *rand.Rand) parted {
	t := parted{oracleTrace: randomTrace(rng)}
	states := []string{t.spans[0].traceState, "ot=th:8", "ot=rv:f0000000000000;th:c"}[:1+rng.IntN(3)]
	for i := range t.spans {
		s := &t.spans[i]
		s.traceState = pick(rng, states)
		s.resourceAttributes = map[string]any{"service.name": pick(rng, []string{"cart", "shop"}), "a": s.resourceAttributes["a"]}
		if rng.IntN(2) == 0 {
			s.attributes["error.type"] = pick(rng, []string{"timeout", "refused"})
		}
		t.names = append(t.names, pick(rng, []string{"GET", "POST", "call"}))
		t.roots = append(t.roots, rng.IntN(3) == 0)
	}
	return t
}

// part is the record of some of a trace's spans, as one machine makes it.
func (t parted) part(p *Policies, s *spanview.Schema, spans []int, sc *Scratch) *tracebuf.Record {
	r := &tracebuf.Record{TraceID: t.id}
	if len(spans) == 0 {
		return r
	}
	var b spanview.Batch
	b.Reset(s)
	for _, i := range spans {
		addSpan(&b, s, t.id, t.spans[i])
		out := &b.Spans[len(b.Spans)-1]
		out.Name, out.Kind, out.Raw.Len = t.names[i], spanview.KindClient, uint32(100*(i+1))
		if !t.roots[i] {
			out.ParentID[0] = 1
		}
	}
	p.Match(&b, sc)
	for i := range b.Spans {
		r.Fold(&b.Spans[i])
		if traits := b.Traits(); len(traits) > 0 {
			r.Traits.Merge(&traits[i])
		}
	}
	return r
}

// merged is the record of a trace from a few machines, in any order.
func (t parted) merged(p *Policies, s *spanview.Schema, rng *rand.Rand, machines []Scratch) *tracebuf.Record {
	shares := make([][]int, len(machines))
	for _, i := range rng.Perm(len(t.spans)) {
		m := rng.IntN(len(machines))
		shares[m] = append(shares[m], i)
	}
	r := &tracebuf.Record{TraceID: t.id}
	for _, m := range rng.Perm(len(machines)) {
		r.Merge(t.part(p, s, shares[m], &machines[m]))
	}
	return r
}

// randomRounder is a policy that looks at all traces of a round.
func randomRounder(rng *rand.Rand) PolicyConfig {
	rate := 1 + rng.Int64N(200)
	switch rng.IntN(6) {
	case 0:
		return PolicyConfig{Type: "rate_limiting", RateLimiting: &RateLimitingConfig{SpansPerSecond: rate}}
	case 1:
		return PolicyConfig{Type: "bytes_limiting", BytesLimiting: &BytesLimitingConfig{BytesPerSecond: 200 * rate}}
	case 2:
		return PolicyConfig{Type: "composite", Composite: &CompositeConfig{
			MaxTotalSpansPerSecond: rate, SubPolicies: []PolicyConfig{randomLeaf(rng), randomLeaf(rng), {Type: "always_sample"}},
		}}
	case 3:
		return PolicyConfig{Type: "rare", Rare: &RareConfig{Traces: 1 + rng.IntN(3)}}
	case 4:
		return PolicyConfig{Type: "adaptive_throughput", AdaptiveThroughput: &AdaptiveThroughputConfig{SpansPerSecond: rate, Key: "error_signature"}}
	}
	return PolicyConfig{Type: "adaptive_throughput", AdaptiveThroughput: &AdaptiveThroughputConfig{BytesPerSecond: 200 * rate}}
}

// joinedSomehow makes a policy a part of another one, or leaves it.
func joinedSomehow(rng *rand.Rand, p PolicyConfig) PolicyConfig {
	if rng.IntN(4) == 0 {
		of := p
		p = PolicyConfig{Type: "not", Not: &NotConfig{SubPolicy: &of}}
	}
	switch rng.IntN(6) {
	case 0, 1:
		return PolicyConfig{Type: "and", And: &AndConfig{SubPolicies: []PolicyConfig{p, randomLeaf(rng)}}}
	case 2:
		return PolicyConfig{Type: "drop", Drop: &DropConfig{SubPolicies: []PolicyConfig{p, randomLeaf(rng)}}}
	}
	return p
}

// TestNoDecisionChangesWhenRecordsAreMergedFromParts: of any policies, those of rounds too, where each trace was recorded in parts, by
// machines that know nothing of each other, all verdicts of all rounds are those of whole records. What was dropped is not rescued by a
// late span that brings nothing new.
func TestNoDecisionChangesWhenRecordsAreMergedFromParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	kept, dropped := 0, 0
	for range 1500 {
		cfg := DefaultConfig()
		cfg.Policies = randomPolicies(rng)
		for i := range 1 + rng.IntN(2) {
			p := randomRounder(rng)
			if p.Type != "composite" {
				p = joinedSomehow(rng, p)
			}
			p.Name = string(rune('p' + i))
			cfg.Policies = slices.Insert(cfg.Policies, rng.IntN(len(cfg.Policies)+1), p)
		}
		cfg.SampleOnFirstMatch = rng.IntN(3) == 0
		var schemas [2]spanview.Schema
		var sets [2]*Policies
		for i := range sets {
			var err error
			sets[i], err = Compile(cfg, Options{}, &schemas[i])
			require.NoError(t, err)
		}
		machines := make([]Scratch, 1+rng.IntN(4))
		for n := range int64(3) {
			var whole, merged []tracebuf.Record
			for range 12 {
				trace := randomParted(rng)
				whole = append(whole, *trace.part(sets[0], &schemas[0], rng.Perm(len(trace.spans)), &Scratch{}))
				merged = append(merged, *trace.merged(sets[1], &schemas[1], rng, machines))
			}
			require.Equal(t, whole, merged)
			round(sets[0], 50*(n+1), whole)
			round(sets[1], 50*(n+1), merged)
			for i := range whole {
				v := sets[0].Decide(&whole[i])
				require.Equal(t, v, sets[1].Decide(&merged[i]), "policies %+v", cfg.Policies)
				if v.Keep {
					kept++
					continue
				}
				dropped++
				require.False(t, sets[0].Rescues(&tracebuf.Record{}, &whole[i]), "nothing new came\npolicies %+v\ntrace %+v", cfg.Policies, whole[i])
				require.False(t, sets[1].Rescues(&tracebuf.Record{}, &merged[i]))
			}
		}
	}
	assert.Greater(t, min(kept, dropped), 3000, "kept %d, dropped %d", kept, dropped)
}
