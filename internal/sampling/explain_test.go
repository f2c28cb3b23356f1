package sampling

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func TestPoliciesExplainWhatTheyDecide(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	var sc Scratch
	for range 2000 {
		cfg := DefaultConfig()
		cfg.Policies = randomPolicies(rng)
		schema := &spanview.Schema{}
		p, err := Compile(cfg, Options{}, schema)
		require.NoError(t, err)
		trace := randomTrace(rng)
		r := record(p, schema, trace, rng.Perm(len(trace.spans)), &sc)
		want := Answer{}
		for i, a := range p.Explain(r) {
			require.Equal(t, cfg.Policies[i].Name, a.Policy)
			require.Equal(t, cfg.Policies[i].Type == "drop", a.Drops)
			matches := trace.matchesAny(cfg.Policies[i])
			require.Equal(t, matches, a.Matches)
			if a.Known {
				require.Equal(t, a.Share > 0 && trace.randomness >= ratioThreshold(a.Share) || a.Share == 1, a.Matches)
			}
			if want.Policy == "" && matches && !a.Drops {
				want = a
			}
		}
		v := p.Decide(r)
		for i, m := range p.Matched() {
			dropped := v.Policy != NoPolicy && cfg.Policies[v.Policy].Type == "drop"
			matched := trace.matchesAny(cfg.Policies[i]) && !m.Drops && !dropped || m.Drops && v.Policy == i
			require.Equal(t, matched, m.Traces == 1, "%+v %+v", cfg.Policies, m)
			require.Equal(t, m.Traces*uint64(len(trace.spans)), m.Spans)
		}
	}
}

// matchesAny is matches for a drop policy too.
func (t oracleTrace) matchesAny(p PolicyConfig) bool {
	if p.Type == "drop" {
		return t.matchesAll(p.Drop.SubPolicies)
	}
	return t.matches(p)
}

func TestShadowPoliciesShareBitsAndNothingElse(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 1))
	var sc Scratch
	for range 1000 {
		cfg := DefaultConfig()
		cfg.Policies, cfg.ShadowPolicies = randomPolicies(rng), randomPolicies(rng)
		schema := &spanview.Schema{}
		p, err := Compile(cfg, Options{}, schema)
		require.NoError(t, err)
		trace := randomTrace(rng)
		r := record(p, schema, trace, rng.Perm(len(trace.spans)), &sc)
		keep, by := trace.decide(cfg.Policies)
		v := p.Decide(r)
		require.Equal(t, keep, v.Keep)
		require.Equal(t, by, v.Policy)
		keep, by = trace.decide(cfg.ShadowPolicies)
		v = p.Shadow().Decide(r)
		require.Equal(t, keep, v.Keep)
		require.Equal(t, by, v.Policy)
	}
}
