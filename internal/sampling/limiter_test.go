package sampling

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// sums are what came of simulated traces: how many, their spans, and what the kept ones say of all by their thresholds.
type sums struct {
	traces, spans float64
	kept          float64
	keptSpans     float64
	estimate      float64 // of spans, by adjusted counts
}

// simulate decides rounds of 50 ms, in which traces of some kinds come that come returns, and sums them by kind.
func simulate(p *Policies, rounds int, come func() (records []tracebuf.Record, kinds []int)) map[int]*sums {
	by := map[int]*sums{}
	for n := range rounds {
		records, kinds := come()
		round(p, int64(n+1)*50, records)
		for i := range records {
			s := by[kinds[i]]
			if s == nil {
				s = &sums{}
				by[kinds[i]] = s
			}
			spans := float64(records[i].Spans)
			s.traces, s.spans = s.traces+1, s.spans+spans
			if v := p.Decide(&records[i]); v.Keep {
				s.kept, s.keptSpans = s.kept+1, s.keptSpans+spans
				if v.Known {
					s.estimate += spans / (1 - float64(v.Threshold)/float64(never))
				}
			}
		}
	}
	return by
}

func round(p *Policies, now int64, records []tracebuf.Record) {
	if p.Begin(now) {
		for i := range records {
			p.Survey(&records[i])
		}
		p.Settle()
	}
}

func randomRecord(rng *rand.Rand, spans uint32, bits uint64) tracebuf.Record {
	r := tracebuf.Record{Spans: spans, Bytes: 500 * spans, Bits: bits}
	binary.LittleEndian.PutUint64(r.TraceID[:], rng.Uint64())
	binary.LittleEndian.PutUint64(r.TraceID[8:], rng.Uint64())
	return r
}

const limited = `{name: r, type: rate_limiting, rate_limiting: {spans_per_second: 1000}}`

func TestALimitIsKeptToWhateverTheSizes(t *testing.T) {
	for _, policy := range []string{limited, `{name: b, type: bytes_limiting, bytes_limiting: {bytes_per_second: 500000}}`} {
		p, _ := mustCompile(t, `{policies: [`+policy+`]}`)
		rng := rand.New(rand.NewPCG(1, 1))
		const rounds = 20 * 120
		by := simulate(p, rounds, func() (records []tracebuf.Record, kinds []int) {
			for range rng.IntN(100) { // about 8 times what is allowed
				kind := rng.IntN(3)
				records = append(records, randomRecord(rng, []uint32{1, 10, 40}[kind], 0))
				kinds = append(kinds, kind)
			}
			return records, kinds
		})
		var spans, kept, estimate float64
		for _, s := range by {
			spans, kept, estimate = spans+s.spans, kept+s.keptSpans, estimate+s.estimate
		}
		const seconds = rounds / 20
		assert.InDelta(t, 1000*seconds+2000, kept, 1000, "the rate for all the time, and the burst of the start")
		assert.InEpsilon(t, spans, estimate, 0.05, "what adjusted counts add up to")
		for kind, s := range by {
			assert.InEpsilon(t, kept/spans, s.kept/s.traces, 0.1, "traces of kind %d have the chance of all", kind)
		}
	}
}

// With two traces a round or fewer, a round's own cost says little.
func TestLargeTracesHaveTheChanceOfSmallOnesWhereFewCome(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [{name: r, type: rate_limiting, rate_limiting: {spans_per_second: 50}}]}`)
	rng := rand.New(rand.NewPCG(9, 1))
	const rounds = 20 * 3600
	by := simulate(p, rounds, func() (records []tracebuf.Record, kinds []int) {
		for range rng.IntN(5) { // 40 a second
			kind := 0
			if rng.IntN(8) == 0 {
				kind = 1
			}
			records, kinds = append(records, randomRecord(rng, []uint32{2, 40}[kind], 0)), append(kinds, kind)
		}
		return records, kinds
	})
	small, large := by[0].kept/by[0].traces, by[1].kept/by[1].traces
	assert.InEpsilon(t, small, large, 0.1, "small %.3f, large %.3f", small, large)
	assert.InEpsilon(t, 50*rounds/20, by[0].keptSpans+by[1].keptSpans, 0.02)
	for kind, s := range by {
		assert.InEpsilon(t, s.spans, s.estimate, 0.05, "kind %d", kind)
	}
}

func TestBelowTheLimitEverythingPassesAndCountsOnce(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [`+limited+`]}`)
	rng := rand.New(rand.NewPCG(2, 1))
	s := simulate(p, 1000, func() ([]tracebuf.Record, []int) {
		return []tracebuf.Record{randomRecord(rng, 40, 0)}, []int{0}
	})[0]
	assert.Equal(t, s.traces, s.kept)
	assert.Equal(t, s.spans, s.estimate)

	big := randomRecord(rng, 2001, 0)
	round(p, 100_000, []tracebuf.Record{big})
	assert.False(t, p.Decide(&big).Keep, "larger than the burst")
}

func TestALimitDoesNotHangOnTheOrderOfTraces(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		var records []tracebuf.Record
		for range rng.IntN(60) {
			records = append(records, randomRecord(rng, 1+rng.Uint32N(30), rng.Uint64N(2)))
		}
		decide := func() map[[16]byte]tracebuf.Verdict {
			p, _ := mustCompile(t, `{policies: [{name: r, type: rate_limiting, rate_limiting: {spans_per_second: 100}}]}`)
			round(p, 50, records)
			out := map[[16]byte]tracebuf.Verdict{}
			for i := range records {
				out[records[i].TraceID] = p.Decide(&records[i])
			}
			return out
		}
		want := decide()
		rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		require.Equal(t, want, decide())
		// those kept are those of the greatest randomness
		slices.SortFunc(records, func(a, b tracebuf.Record) int {
			return int(int64(randomness(b.TraceID, 0)) - int64(randomness(a.TraceID, 0)))
		})
		kept := true
		for i := range records {
			require.False(t, want[records[i].TraceID].Keep && !kept)
			kept = want[records[i].TraceID].Keep
		}
	}
}

func TestALimitIsUsedUpByThoseOnlyThatWouldPassIt(t *testing.T) {
	const errors = `{name: e, type: status_code, status_code: {status_codes: [ERROR]}}`
	vip := func(name string) string {
		return `{name: ` + name + `, type: boolean_attribute, boolean_attribute: {key: vip, value: true}}`
	}
	rate := func(name string) string {
		return `{name: ` + name + `, type: rate_limiting, rate_limiting: {spans_per_second: 100}}`
	}
	const bitFirst, bitSecond = 1, 2
	run := func(yaml string) map[int]*sums {
		p, _ := mustCompile(t, yaml)
		rng := rand.New(rand.NewPCG(4, 1))
		return simulate(p, 2000, func() (records []tracebuf.Record, kinds []int) {
			for range 20 {
				bits := 0
				if rng.IntN(20) == 0 {
					bits = 1 + rng.IntN(3)
				}
				records, kinds = append(records, randomRecord(rng, 2, uint64(bits))), append(kinds, bits)
			}
			return records, kinds
		})
	}

	// 40 error spans a second of 800, in any order of the parts
	for _, parts := range []string{errors + `,` + rate("r"), rate("r") + `,` + errors} {
		by := run(`{policies: [{name: a, type: and, and: {and_sub_policy: [` + parts + `]}}]}`)
		assert.Equal(t, by[bitFirst].traces, by[bitFirst].kept)
		assert.Equal(t, by[bitFirst|bitSecond].traces, by[bitFirst|bitSecond].kept)
		assert.Zero(t, by[0].kept+by[bitSecond].kept)
	}

	// what is dropped does not use it up
	by := run(`{policies: [{name: d, type: drop, drop: {drop_sub_policy: [{type: not, not: {not_sub_policy: ` + errors + `}}]}},` + rate("r") + `]}`)
	assert.Equal(t, by[bitFirst].traces, by[bitFirst].kept)
	assert.Zero(t, by[0].kept)

	// nor, with sample_on_first_match, what is kept before
	seconds := 100.
	all := run(`{policies: [` + vip("v") + `,` + rate("r") + `]}`)
	first := run(`{sample_on_first_match: true, policies: [` + vip("v") + `,` + rate("r") + `]}`)
	assert.Less(t, all[0].keptSpans+all[bitSecond].keptSpans, 100*seconds)
	assert.InEpsilon(t, 100*seconds+200, first[0].keptSpans+first[bitSecond].keptSpans, 0.02)
}

func TestBetweenRoundsALateSpanPassesByTheLastThresholdAndOwes(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [{name: a, type: and, and: {and_sub_policy: [
		{type: status_code, status_code: {status_codes: [ERROR]}},
		{type: rate_limiting, rate_limiting: {spans_per_second: 100, burst_capacity: 100}}]}}]}`)
	rng := rand.New(rand.NewPCG(5, 1))
	round(p, 50, nil)
	late := randomRecord(rng, 90, 1)
	assert.True(t, p.Rescues(&tracebuf.Record{}, &late))
	assert.False(t, p.Rescues(&tracebuf.Record{}, new(randomRecord(rng, 5, 0))))
	var next []tracebuf.Record
	for range 40 {
		next = append(next, randomRecord(rng, 20, 1))
	}
	round(p, 51, next)
	kept := 0
	for i := range next {
		if p.Decide(&next[i]).Keep {
			kept++
		}
	}
	assert.Less(t, kept, 10, "10 tokens are left for 800 spans")
	assert.Positive(t, p.rounders[0].(*limiter).threshold.Load())
}

func TestCompositeAllocatesARateToEachPart(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [{name: c, type: composite, composite: {
		max_total_spans_per_second: 1000, policy_order: [rest, errors, vip],
		composite_sub_policy: [
			{name: errors, type: status_code, status_code: {status_codes: [ERROR]}},
			{name: vip, type: boolean_attribute, boolean_attribute: {key: vip, value: true}},
			{name: rest, type: always_sample}],
		rate_allocation: [{policy: errors, percent: 50}, {policy: vip, percent: 25}]}}]}`)
	rng := rand.New(rand.NewPCG(6, 1))
	const rounds = 20 * 60
	by := simulate(p, rounds, func() (records []tracebuf.Record, kinds []int) {
		for range 200 {
			bits := rng.IntN(4)
			records, kinds = append(records, randomRecord(rng, 2, uint64(bits))), append(kinds, bits)
		}
		return records, kinds
	})
	const seconds = rounds / 20
	// shares of 50 % and 25 %, and an equal share of 33 % for the one that is not named, scaled down to the total
	scale := 1 / (0.5 + 0.25 + 1./3)
	assert.InEpsilon(t, 500*scale*(seconds+1), by[1].keptSpans+by[3].keptSpans, 0.02)
	assert.InEpsilon(t, 250*scale*(seconds+1), by[2].keptSpans, 0.02)
	assert.InEpsilon(t, 333*scale*(seconds+1), by[0].keptSpans, 0.02)
	for kind, s := range by {
		assert.InEpsilon(t, s.spans, s.estimate, 0.1, "kind %d", kind)
	}
}

func TestALimitIsKeptOverBurstsPausesAndDebts(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	runs := 40
	if underRace {
		runs = 5
	}
	for range runs {
		rate := 1 + rng.Int64N(2000)
		burst := rate/2 + 40 + rng.Int64N(2*rate)
		c := compiler{into: &Policies{}}
		l := c.limiter(costSpans, rate, burst)
		var now int64 = 1
		var offered, kept, estimate, variance float64
		for now < 600_000 {
			now += 1 + rng.Int64N(100)
			load := rng.IntN(1 + int(now/10_000)%7*3) // changes every ten seconds, and pauses
			all := make([]facts, load)
			for i := range all {
				all[i] = facts{randomness: rng.Uint64N(never), spans: 1 + rng.Uint32N(40), asked: asSurveyed}
				l.eval(all[i])
			}
			l.settle(now)
			for _, f := range all {
				f.asked = asDecided
				o := l.eval(f)
				offered += float64(f.spans)
				p := 1 - float64(o.threshold)/float64(never)
				require.Positive(t, p, "a trace that can't pass would be missing from every sum")
				variance += float64(f.spans) * float64(f.spans) * (1 - p) / p
				if o.threshold <= f.randomness {
					kept += float64(f.spans)
					estimate += float64(f.spans) / p
				}
			}
		}
		require.LessOrEqual(t, kept, float64(rate)*600+2*float64(burst)+200)
		if offered > float64(rate)*1800 { // limited most of the time
			require.Greater(t, kept, float64(rate)*400)
		}
		require.InDelta(t, offered, estimate, 5*math.Sqrt(variance)+1)
	}
}

func TestALimitInNestedListsIsAskedLastToo(t *testing.T) {
	const errors = `{type: status_code, status_code: {status_codes: [ERROR]}}`
	const rate = `{type: rate_limiting, rate_limiting: {spans_per_second: 100}}`
	for _, parts := range []string{
		`{type: and, and: {and_sub_policy: [` + rate + `]}}, ` + errors,
		`{type: and, and: {and_sub_policy: [{type: and, and: {and_sub_policy: [` + rate + `]}}, {type: always_sample}]}}, ` + errors,
		`{type: not, not: {not_sub_policy: {type: not, not: {not_sub_policy: ` + rate + `}}}}, ` + errors,
	} {
		p, _ := mustCompile(t, `{policies: [{name: a, type: and, and: {and_sub_policy: [`+parts+`]}}]}`)
		rng := rand.New(rand.NewPCG(10, 1))
		by := simulate(p, 400, func() (records []tracebuf.Record, kinds []int) {
			for n := range 100 {
				bits := 0
				if n == 0 {
					bits = 1
				}
				records, kinds = append(records, randomRecord(rng, 2, uint64(bits))), append(kinds, bits)
			}
			return records, kinds
		})
		assert.Equal(t, by[1].traces, by[1].kept, parts)
		assert.Zero(t, by[0].kept)
	}
}

// A share before a limit must not make the limit's share one of those that pass it already.
func TestALimitBehindAShareIsKeptTo(t *testing.T) {
	const share = `{name: s, type: probabilistic, probabilistic: {sampling_percentage: 10}}`
	for _, policy := range []string{
		`{name: a, type: and, and: {and_sub_policy: [` + share + `, {type: rate_limiting, rate_limiting: {spans_per_second: 100, burst_capacity: 100}}]}}`,
		`{name: a, type: composite, composite: {max_total_spans_per_second: 100, composite_sub_policy: [` + share + `]}}`,
	} {
		p, _ := mustCompile(t, `{policies: [`+policy+`]}`)
		rng := rand.New(rand.NewPCG(11, 1))
		const seconds = 30
		s := simulate(p, 20*seconds, func() (records []tracebuf.Record, kinds []int) {
			for range 250 { // 10,000 spans a second, 1,000 of them in the share
				records, kinds = append(records, randomRecord(rng, 2, 0)), append(kinds, 0)
			}
			return records, kinds
		})[0]
		assert.InEpsilon(t, 100*(seconds+1), s.keptSpans, 0.1, policy)
		assert.InEpsilon(t, s.spans, s.estimate, 0.15, policy)
	}
}
