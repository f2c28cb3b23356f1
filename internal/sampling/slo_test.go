package sampling

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// The bits that a configuration with the policy slo alone, or first, hands out.
const (
	bitBad     = 1
	bitBurning = 2
)

func TestWhatASpanMeansToSLOsIsABit(t *testing.T) {
	f := func(block string, want [sloFlags]uint64) {
		t.Helper()
		p, s := mustCompile(t, `{policies: [{name: s, type: slo, slo: `+block+`}]}`)
		var b spanview.Batch
		b.Reset(s)
		b.AddResource()
		for i := range want {
			b.Spans[b.AddSpan()].SLO = spanview.SLOFlags(i)
		}
		p.Match(&b, &Scratch{})
		for i := range want {
			assert.Equal(t, want[i], b.Spans[i].Bits, "flags %d", i)
		}
	}
	f(`{}`, [sloFlags]uint64{0, bitBad, bitBurning, bitBad | bitBurning})
	f(`{bad_events: false}`, [sloFlags]uint64{0, 2, 1, 3}) // what is not asked is behind
	f(`{burning: {sampling_percentage: 0}}`, [sloFlags]uint64{0, 1, 2, 3})
}

func TestABurningSLOsTracesAreKeptAtTheRaisedRateWithinTheBudget(t *testing.T) {
	const seconds = 120
	// run offers so many burning traces of 4 spans a second, one in ten of them bad, and as many others.
	run := func(block string, perSecond int) map[int]*sums {
		p, _ := mustCompile(t, `{policies: [{name: s, type: slo, slo: `+block+`}]}`)
		rng := rand.New(rand.NewPCG(1, 3))
		return simulate(p, 20*seconds, func() (records []tracebuf.Record, kinds []int) {
			for range perSecond / 20 {
				for _, bits := range []int{0, bitBurning} {
					if bits != 0 && rng.IntN(10) == 0 {
						bits |= bitBad
					}
					records, kinds = append(records, randomRecord(rng, 4, uint64(bits))), append(kinds, bits)
				}
			}
			return records, kinds
		})
	}
	for _, test := range []struct {
		block     string
		perSecond int
		spans     float64 // kept a second of those that only burn
	}{
		{`{}`, 200, 0.9 * 200 * 4 * 0.2}, // the share is what bounds
		{`{}`, 2000, 500},                // the budget is
		{`{burning: {spans_per_second: 0}}`, 2000, 0.9 * 2000 * 4 / 5}, // neither
		{`{burning: {sampling_percentage: 100}}`, 200, 500},
		{`{burning: {sampling_percentage: 0}}`, 200, 0},
	} {
		by := run(test.block, test.perSecond)
		require.Zero(t, by[0].kept, test.block)
		bad := by[bitBad|bitBurning]
		require.Equal(t, bad.traces, bad.kept, "%s: bad events are exempt from the budget", test.block)
		require.Equal(t, bad.spans, bad.estimate)
		only := by[bitBurning]
		require.InDelta(t, test.spans, only.keptSpans/seconds, test.spans/20, test.block)
		if test.spans > 0 {
			require.InEpsilon(t, only.spans, only.estimate, 0.05, test.block)
		}
	}
}

func TestALateBadEventRescuesAndABurningOneDoesNot(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [{name: s, type: slo, slo: {burning: {sampling_percentage: 100}}}]}`)
	rng := rand.New(rand.NewPCG(1, 4))
	round(p, 50, nil)
	for bits, want := range []bool{0: false, bitBad: true, bitBurning: false, bitBad | bitBurning: true} {
		assert.Equal(t, want, p.Rescues(&tracebuf.Record{}, new(randomRecord(rng, 2, uint64(bits)))))
		assert.Equal(t, want, p.RescuesAlone(&spanview.Span{Bits: uint64(bits)}))
		assert.Equal(t, bits&bitBad != 0, p.Decisive(new(randomRecord(rng, 2, uint64(bits)))))
	}
	p, _ = mustCompile(t, `{policies: [{name: s, type: slo, slo: {bad_events: false}}]}`)
	assert.False(t, p.Rescues(&tracebuf.Record{}, new(randomRecord(rng, 2, 1))))
}

func TestWhatTheOthersOfAnAndRefuseUsesNoBudget(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [{name: a, type: and, and: {and_sub_policy: [
		{type: slo, slo: {burning: {sampling_percentage: 100, spans_per_second: 100}}},
		{type: status_code, status_code: {status_codes: [OK]}}]}}]}`)
	rng := rand.New(rand.NewPCG(1, 5))
	const bitOK = 4
	by := simulate(p, 400, func() (records []tracebuf.Record, kinds []int) {
		for range 50 {
			records, kinds = append(records, randomRecord(rng, 2, bitBurning)), append(kinds, 0)
		}
		return append(records, randomRecord(rng, 2, bitBurning|bitOK)), append(kinds, 1)
	})
	assert.Zero(t, by[0].kept)
	assert.Equal(t, by[1].traces, by[1].kept)
}

func TestTheBudgetIsAShareOfAllThatBurnsAndIsSpentByWhatIsKeptOnly(t *testing.T) {
	run := func(percentage string, perRound, rounds int) *limiter {
		p, _ := mustCompile(t, `{policies: [{name: s, type: slo, slo: {burning: {sampling_percentage: `+percentage+`}}}]}`)
		rng := rand.New(rand.NewPCG(1, 6))
		simulate(p, rounds, func() ([]tracebuf.Record, []int) {
			records := make([]tracebuf.Record, perRound)
			for i := range records {
				records[i] = randomRecord(rng, 10, bitBurning)
			}
			return records, make([]int, perRound)
		})
		return p.rounders[0].(*limiter)
	}
	// 2000 spans at once for a burst of 1000, less what chance may be of them
	share := func(l *limiter) float64 { return 1 - float64(l.threshold.Load())/float64(never) }
	want := 1000 / (2000 - beyondChance*math.Sqrt(200*10*10))
	require.InDelta(t, want, share(run("20", 200, 1)), 1e-9)
	require.InDelta(t, want, share(run("1", 200, 1)), 1e-9)
	// 1000 spans a second of which 200 are kept of 500 that may be
	require.Zero(t, run("20", 5, 2000).threshold.Load())
}
