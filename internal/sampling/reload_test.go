package sampling

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

func TestNewLimitsOnDurationsHoldBeforeTheNextRound(t *testing.T) {
	old, s := mustCompile(t, `{policies: [`+unusual+`]}`)
	var sc Scratch
	for range 100 {
		matchOf(old, s, &sc, sent{service: "a", name: "get", duration: 5 * milli})
	}
	old.Begin(1)
	for range 100 {
		matchOf(old, s, &sc, sent{service: "a", name: "put", duration: 5 * milli}) // no round has seen these
	}
	const other = `{name: u, type: relative_latency, relative_latency: {quantile: 0.9, factor: 3, floor_ms: 10, min_count: 50}}`
	for _, policy := range []string{unusual, other} {
		p, err := Compile(mustParse(t, `{policies: [`+policy+`]}`), Options{Previous: old}, s)
		require.NoError(t, err)
		for _, again := range []bool{true, false} {
			for _, name := range []string{"get", "put"} {
				b := matchOf(p, s, &Scratch{Again: again}, sent{service: "a", name: name, duration: 500 * milli},
					sent{service: "a", name: name, duration: 5 * milli})
				assert.Equal(t, []uint64{1, 0}, []uint64{b.Spans[0].Bits, b.Spans[1].Bits}, "%s, again: %t", name, again)
			}
		}
		old = p
	}
}

// spent is how many spans a second are kept of 8000, in traces of 10 that all conditions hold for, with a reload of the policies each second.
func spent(t *testing.T, config func(reload int) string) float64 {
	p, s := mustCompile(t, config(0))
	rng := rand.New(rand.NewPCG(3, 3))
	const length = 60
	kept := 0
	for second := range length {
		if second > 0 {
			next, err := Compile(mustParse(t, config(second)), Options{Previous: p}, s)
			require.NoError(t, err)
			p = next
		}
		for n := range 20 {
			records := make([]tracebuf.Record, 40)
			for i := range records {
				records[i] = randomRecord(rng, 10, bitBurning)
			}
			round(p, int64(second*1000+n*50+50), records)
			for i := range records {
				if p.Decide(&records[i]).Keep {
					kept += 10
				}
			}
		}
	}
	return float64(kept) / length
}

func TestALimitGoesOnWhereItStoodWhenPoliciesAreReloaded(t *testing.T) {
	for _, policy := range []string{
		`type: rate_limiting, rate_limiting: {spans_per_second: 1000}`,
		`type: bytes_limiting, bytes_limiting: {bytes_per_second: 500000}`,
		`type: and, and: {and_sub_policy: [{type: always_sample}, {type: rate_limiting, rate_limiting: {spans_per_second: 1000}}]}`,
		`type: composite, composite: {max_total_spans_per_second: 1000, composite_sub_policy: [{name: a, type: trace_flags}, {name: b, type: always_sample}],
			rate_allocation: [{policy: a, percent: 50}, {policy: b, percent: 100}]}`,
		`type: adaptive_throughput, adaptive_throughput: {spans_per_second: 1000, min_traces_per_minute: 0}`,
		`type: slo, slo: {burning: {sampling_percentage: 100, spans_per_second: 1000}}`,
	} {
		expected := 1000.
		if strings.Contains(policy, "composite") {
			expected = 667 // its second part's
		}
		stays := spent(t, func(reload int) string {
			return fmt.Sprintf(`{policies: [{name: a, %s}, {name: b, type: latency, latency: {threshold_ms: %d}}]}`, policy, reload+1)
		})
		assert.InEpsilon(t, expected, stays, 0.1, "%s", policy)
		other := spent(t, func(reload int) string { return fmt.Sprintf(`{policies: [{name: a%d, %s}]}`, reload, policy) })
		assert.Greater(t, other, 1.2*expected, "another policy starts with a full burst: %s", policy)
	}
}

func TestALimitOfAnotherRateOrOfShadowPoliciesIsAnother(t *testing.T) {
	limits := func(p *Policies) (list []float64) {
		for _, r := range p.rounders {
			list = append(list, r.(*limiter).tokens)
		}
		return list
	}
	const two = `{name: a, type: and, and: {and_sub_policy: [{type: rate_limiting, rate_limiting: {spans_per_second: 10}},
		{type: rate_limiting, rate_limiting: {spans_per_second: 10}}, {type: bytes_limiting, bytes_limiting: {bytes_per_second: 10}}]}}`
	old, s := mustCompile(t, `{policies: [`+two+`], shadow_policies: [`+two+`]}`)
	for i, r := range append(old.rounders, old.shadow.rounders...) {
		r.(*limiter).tokens = float64(i)
	}
	f := func(policies string, want, shadow []float64) {
		t.Helper()
		p, err := Compile(mustParse(t, policies), Options{Previous: old}, s)
		require.NoError(t, err)
		assert.Equal(t, want, limits(p))
		assert.Equal(t, shadow, limits(p.shadow))
	}
	f(`{policies: [`+two+`], shadow_policies: [`+two+`]}`, []float64{0, 1, 2}, []float64{3, 4, 5})
	f(`{policies: [`+strings.Replace(two, "spans_per_second: 10}", "spans_per_second: 11}", 1)+`],
		shadow_policies: [`+strings.Replace(two, "type: and, and: {and_sub", "type: drop, drop: {drop_sub", 1)+`]}`,
		[]float64{22, 0, 2}, []float64{20, 20, 20})
	f(`{policies: [`+strings.Replace(two, "name: a", "name: b", 1)+`], shadow_policies: [{name: a, type: rate_limiting,
		rate_limiting: {spans_per_second: 10}}]}`, []float64{20, 20, 20}, []float64{20})
}

func TestWhatIsMatchedAgainIsKnownToAFirstFirstSeen(t *testing.T) {
	old, s := mustCompile(t, `{policies: [{name: all, type: always_sample}]}`)
	const first = `{policies: [{name: f, type: first_seen, first_seen: {traces: 2, warm_up: 1s}}]}`
	const start = 3_600_000
	p, err := Compile(mustParse(t, first), Options{Previous: old, Now: start}, s)
	require.NoError(t, err)
	held := sent{service: "a", version: "1", name: "get"}
	assert.Zero(t, matchOf(p, s, &Scratch{Again: true}, held).Spans[0].Bits)
	var sc Scratch
	bits := func(in sent) uint64 { return matchOf(p, s, &sc, in).Spans[0].Bits }
	soon := sent{service: "a", version: "2", name: "put"}
	assert.Zero(t, bits(soon), "within the warm-up, though no round has begun")
	p.Begin(start + 2000)
	assert.Zero(t, bits(held))
	assert.Zero(t, bits(soon))
	assert.NotZero(t, bits(sent{service: "a", version: "1", name: "list"}), "an operation")
	assert.NotZero(t, bits(sent{service: "a", version: "3", name: "get"}), "a version")
	assert.Equal(t, 3, p.Stats().Operations.Known)

	// The next policies have the tables of these, and are taught nothing by what is matched again.
	p, err = Compile(mustParse(t, first), Options{Previous: p, Now: start + 3000}, s)
	require.NoError(t, err)
	matchOf(p, s, &Scratch{Again: true}, sent{trace: 9, service: "a", version: "1", name: "head"})
	assert.NotZero(t, bits(sent{trace: 9, service: "a", version: "1", name: "head"}))
}
