package sampling

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// traffic is a simulated load: of each key, spans a trace and traces a second at a time in seconds.
type traffic struct {
	spans  []uint32
	traces func(key int, at float64) float64
}

// told is what came of one key in a second.
type told struct{ offered, kept, keptTraces, estimate, variance float64 }

// run decides the traffic in rounds of 50 ms, for some seconds, and returns what came of it by second and key.
func (tr traffic) run(p *Policies, rng *rand.Rand, length int) [][]told {
	out := make([][]told, length)
	for n := range length * 20 {
		at := float64(n) / 20
		s := &out[n/20]
		if *s == nil {
			*s = make([]told, len(tr.spans))
		}
		var records []tracebuf.Record
		var keys []int
		for key, spans := range tr.spans {
			for range poisson(rng, tr.traces(key, at)/20) {
				r := randomRecord(rng, spans, 1)
				r.Traits.Key, r.Traits.ErrorSignature = keyed(key), keyed(key)
				records, keys = append(records, r), append(keys, key)
			}
		}
		rng.Shuffle(len(records), func(i, j int) {
			records[i], records[j] = records[j], records[i]
			keys[i], keys[j] = keys[j], keys[i]
		})
		round(p, int64(n+1)*50, records)
		for i := range records {
			(*s)[keys[i]].add(float64(records[i].Spans), p.Decide(&records[i]), chance(p, &records[i]))
		}
	}
	return out
}

func keyed(key int) uint64 { return uint64(key+1) * 0x9E3779B97F4A7C15 }

// chance is the share of traces like this one that the only adaptive policy lets pass.
func chance(p *Policies, r *tracebuf.Record) float64 {
	a, f := p.adaptives[0], recordFacts(r)
	key, _ := a.keyOf(&f)
	return 1 - float64(a.thresholds[a.table.find(key)].Load())/float64(never)
}

func (s *told) add(spans float64, v tracebuf.Verdict, p float64) {
	s.offered += spans
	s.variance += spans * spans * (1 - p) / p
	if !v.Keep {
		return
	}
	s.kept, s.keptTraces = s.kept+spans, s.keptTraces+1
	if v.Known {
		s.estimate += spans / (1 - float64(v.Threshold)/float64(never))
	}
}

// sum adds up some seconds, all keys, or those that are given.
func sum(seconds [][]told, keys ...int) (s told) {
	for _, second := range seconds {
		for key := range second {
			if len(keys) > 0 && keys[0] != key {
				continue
			}
			o := second[key]
			s.offered, s.kept, s.keptTraces = s.offered+o.offered, s.kept+o.kept, s.keptTraces+o.keptTraces
			s.estimate, s.variance = s.estimate+o.estimate, s.variance+o.variance
		}
	}
	return s
}

func poisson(rng *rand.Rand, mean float64) (n int) {
	for at := rng.ExpFloat64(); at < mean; at += rng.ExpFloat64() {
		n++
	}
	return n
}

// fairly is water filling, dumb: all keys get a little more at a time until the target is used up.
func fairly(rates []float64, target float64) []float64 {
	got := make([]float64, len(rates))
	for drop := target / 1e5; target > 0; {
		full := true
		for k := range rates {
			if got[k] < rates[k] {
				got[k], full = got[k]+drop, false
				target -= drop
			}
		}
		if full {
			break
		}
	}
	return got
}

var adaptiveMethods = []string{`method: ema`, `method: windowed`}

func adaptivePolicy(t testing.TB, block string) *Policies {
	p, _ := mustCompile(t, `{policies: [{name: a, type: adaptive_throughput, adaptive_throughput: {`+block+`}}]}`)
	return p
}

func TestAdaptiveThroughputIsFairAndOnTarget(t *testing.T) {
	load := traffic{spans: []uint32{10, 10, 20, 5, 8, 3}}
	perSecond := []float64{2000, 400, 30, 20, 1, 0.3}
	load.traces = func(key int, _ float64) float64 { return perSecond[key] }
	var rates []float64
	for k, n := range perSecond {
		rates = append(rates, n*float64(load.spans[k]))
	}
	want := fairly(rates, 1000)
	for _, method := range adaptiveMethods {
		p := adaptivePolicy(t, `spans_per_second: 1000, min_traces_per_minute: 0, `+method)
		seconds := load.run(p, rand.New(rand.NewPCG(1, 2)), 300)
		all := sum(seconds[60:])
		assert.InEpsilon(t, 1000, all.kept/240, 0.03, method)
		assert.InEpsilon(t, 1000*300+2000, sum(seconds).kept, 0.02, "from the start, the burst with it")
		assert.InDelta(t, all.offered, all.estimate, 5*math.Sqrt(all.variance))
		for k := range perSecond {
			one := sum(seconds[60:], k)
			assert.InEpsilon(t, want[k], one.kept/240, 0.08, "%s, key %d", method, k)
			assert.InDelta(t, one.offered, one.estimate, 5*math.Sqrt(one.variance)+1e-6, "%s, key %d", method, k)
		}
	}
}

func TestAdaptiveThroughputMeetsChangeAndBursts(t *testing.T) {
	load := traffic{spans: []uint32{10, 10, 10}}
	load.traces = func(key int, at float64) float64 {
		switch {
		case key == 0 && at >= 60 && at < 120:
			return 2000 // tenfold, at once
		case key == 0:
			return 200
		case key == 1 && int(at)/10%2 == 1:
			return 0 // comes and goes
		}
		return []float64{0, 100, 2}[key]
	}
	for _, method := range adaptiveMethods {
		p := adaptivePolicy(t, `spans_per_second: 1000, min_traces_per_minute: 0, `+method)
		seconds := load.run(p, rand.New(rand.NewPCG(3, 2)), 240)
		for from := range seconds {
			for to := from + 1; to <= min(from+30, len(seconds)); to++ {
				most := sum(seconds[from:to]).kept
				require.LessOrEqual(t, most, float64(1000*(to-from)+3000), "%s: seconds %d to %d", method, from, to)
			}
		}
		assert.InEpsilon(t, 1000, sum(seconds[30:]).kept/210, 0.04, method)
		assert.InEpsilon(t, sum(seconds[30:], 2).offered, sum(seconds[30:], 2).kept, 0.1, "%s: the rare key is hardly touched", method)
		for k := range load.spans {
			one := sum(seconds, k)
			assert.InDelta(t, one.offered, one.estimate, 5*math.Sqrt(one.variance)+1e-6, "%s, key %d", method, k)
		}
	}
}

func TestAdaptiveThroughputKeepsItsTargetWhateverComes(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 5))
		var load traffic
		var scale []float64
		for range 1 + rng.IntN(200) {
			load.spans = append(load.spans, 1+rng.Uint32N(50))
			scale = append(scale, 60*math.Pow(rng.Float64(), 8))
		}
		period := 1 + rng.IntN(40)
		load.traces = func(key int, at float64) float64 {
			swing := float64((key*7+int(at)/period)%5) / 2
			if int(at)/60%3 == 2 {
				swing *= 5
			}
			return scale[key] * swing
		}
		target := 50 + rng.IntN(1000)
		p := adaptivePolicy(t, fmt.Sprintf(`spans_per_second: %d, min_traces_per_minute: 0, keys_max: %d, %s`,
			target, 1+rng.IntN(300), adaptiveMethods[seed%2]))
		const length = 180
		seconds := load.run(p, rng, length)
		all := sum(seconds)
		for from := 0; from < length; from += 5 {
			for to := from + 5; to <= length; to += 5 {
				require.LessOrEqual(t, sum(seconds[from:to]).kept, float64(target*(to-from+5))+300, "seed %d, %d to %d", seed, from, to)
			}
		}
		could := 0. // what a limiter that knows no burst could have kept
		for _, second := range seconds {
			could += min(sum([][]told{second}).offered, float64(target))
		}
		require.Greater(t, all.kept, 0.95*could, "seed %d", seed)
		require.InDelta(t, all.offered, all.estimate, 5*math.Sqrt(all.variance)+1e-6, "seed %d", seed)
	}
}

func TestAdaptiveThroughputIsFairToALongTail(t *testing.T) {
	var load traffic
	var rates, perSecond []float64
	for k := range 150 {
		load.spans = append(load.spans, uint32(1+k%20))
		perSecond = append(perSecond, 600/math.Pow(float64(k+1), 1.3))
		rates = append(rates, perSecond[k]*float64(load.spans[k]))
	}
	load.traces = func(key int, _ float64) float64 { return perSecond[key] }
	want := fairly(rates, 2000)
	p := adaptivePolicy(t, `spans_per_second: 2000, min_traces_per_minute: 0`)
	seconds := load.run(p, rand.New(rand.NewPCG(7, 2)), 240)[40:]
	got, fair := map[string]float64{}, map[string]float64{}
	for k := range rates {
		one := sum(seconds, k)
		require.InDelta(t, one.offered, one.estimate, 5*math.Sqrt(one.variance)+1e-6, "key %d", k)
		group := "whole"
		if want[k] < 0.999*rates[k] {
			group = "thinned"
			require.InEpsilon(t, want[k], one.kept/200, 0.25, "key %d", k)
		}
		got[group], fair[group] = got[group]+one.kept/200, fair[group]+want[k]
	}
	assert.InEpsilon(t, fair["whole"], got["whole"], 0.05)
	assert.InEpsilon(t, fair["thinned"], got["thinned"], 0.05)
}

func TestAnErrorStormOfOneSignatureDoesNotHideAnother(t *testing.T) {
	load := traffic{spans: []uint32{10, 10, 10}}
	load.traces = func(key int, at float64) float64 {
		if key == 0 && at < 30 {
			return 0.5
		}
		return []float64{1000, 0.5, 0.02}[key]
	}
	run := func(parts string) [][]told {
		p, _ := mustCompile(t, `{policies: [{name: errors, type: and, and: {and_sub_policy: [
			{type: status_code, status_code: {status_codes: [ERROR]}}, `+parts+`]}}]}`)
		return load.run(p, rand.New(rand.NewPCG(9, 2)), 240)
	}
	seconds := run(`{type: adaptive_throughput, adaptive_throughput: {spans_per_second: 100, key: error_signature}}`)
	assert.InEpsilon(t, 100, sum(seconds[30:]).kept/210, 0.05)
	for _, key := range []int{1, 2} {
		one := sum(seconds, key)
		assert.InEpsilon(t, one.offered, one.kept, 0.05, "signature %d", key)
	}
	storm := sum(seconds[30:], 0)
	assert.InDelta(t, storm.offered, storm.estimate, 5*math.Sqrt(storm.variance))
	for s := 30; s < 240; s++ {
		require.Positive(t, sum(seconds[s:min(s+16, 240)], 0).kept, "second %d", s)
	}
}

func TestEachKeyHasATraceAtTimesWhateverTheRate(t *testing.T) {
	load := traffic{spans: make([]uint32, 40), traces: func(int, float64) float64 { return 20 }}
	for k := range load.spans {
		load.spans[k] = 50
	}
	for _, c := range []struct {
		block string
		least float64
	}{{`min_traces_per_minute: 0`, 0}, {``, 4}, {`min_traces_per_minute: 20`, 20}} {
		p := adaptivePolicy(t, `spans_per_second: 10, `+c.block)
		seconds := load.run(p, rand.New(rand.NewPCG(11, 2)), 120)
		for k := range load.spans {
			one := sum(seconds[60:], k)
			require.GreaterOrEqual(t, one.keptTraces, c.least-1)
			if c.least > 0 {
				require.LessOrEqual(t, one.keptTraces, c.least+4)
			}
		}
		all := sum(seconds)
		assert.InDelta(t, all.offered, all.estimate, 5*math.Sqrt(all.variance), "what is kept by the floor alone counts for nobody")
	}
}

func TestAnAdaptiveThroughputOutlivesATraceOfAMillionSpans(t *testing.T) {
	load := traffic{spans: []uint32{10, 1_000_000}}
	load.traces = func(key int, at float64) float64 {
		if key == 1 {
			return 0.2
		}
		return 20
	}
	p := adaptivePolicy(t, `spans_per_second: 100, min_traces_per_minute: 0`)
	seconds := load.run(p, rand.New(rand.NewPCG(13, 2)), 300)
	for s := 0; s < 300; s += 30 {
		require.Positive(t, sum(seconds[s:s+30], 0).kept, "second %d", s)
	}
	all := sum(seconds)
	assert.InDelta(t, all.offered, all.estimate, 5*math.Sqrt(all.variance))

	// one that is kept is not paid back for hours
	load.traces = func(key int, at float64) float64 {
		if key == 1 {
			return 200 * max(0, 1-math.Abs(at-5)) // about 200 in two seconds
		}
		return 20
	}
	p = adaptivePolicy(t, `spans_per_second: 100, min_traces_per_minute: 1`)
	seconds = load.run(p, rand.New(rand.NewPCG(13, 2)), 60)
	require.GreaterOrEqual(t, sum(seconds, 1).kept, 1e6)
	assert.InEpsilon(t, 100, sum(seconds[30:]).kept/30, 0.2)
}

func TestABurstOfKeysThatNobodyKnewIsMetAtOnce(t *testing.T) {
	load := traffic{spans: make([]uint32, 200)}
	for k := range load.spans {
		load.spans[k] = 10
	}
	load.traces = func(key int, at float64) float64 {
		if key > 0 && at < 20 {
			return 0
		}
		return 20
	}
	for _, method := range adaptiveMethods {
		p := adaptivePolicy(t, `spans_per_second: 500, min_traces_per_minute: 0, `+method)
		seconds := load.run(p, rand.New(rand.NewPCG(17, 2)), 30)
		assert.LessOrEqual(t, sum(seconds[20:21]).kept, 1700., "two seconds that were saved, and one") // of 40000
		assert.LessOrEqual(t, sum(seconds[20:25]).kept, 3600.)
		assert.Greater(t, sum(seconds[20:30]).kept, 4500.)
	}
}

func TestKeysBeyondTheMostShareOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 2))
	for _, method := range adaptiveMethods {
		p := adaptivePolicy(t, `spans_per_second: 1000, keys_max: 50, adjustment_interval: 1s, `+method)
		steady, kept, offered := 0., 0., 0.
		for n := range 20 * 120 {
			var records []tracebuf.Record
			for range 100 { // a key of its own each
				r := randomRecord(rng, 10, 0)
				r.Traits.Key = rng.Uint64()
				records = append(records, r)
			}
			known := randomRecord(rng, 10, 0)
			known.Traits.Key = 77
			records = append(records, known)
			rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
			round(p, int64(n+1)*50, records)
			for i := range records {
				if p.Decide(&records[i]).Keep {
					kept += 10
					if records[i].Traits.Key == 77 {
						steady += 10
					}
				}
			}
			offered += 1010
			require.LessOrEqual(t, p.Adaptive()[0].Keys, 50)
		}
		assert.InEpsilon(t, 1000, kept/120, 0.1)
		assert.Greater(t, steady/120, 100.)
	}
}
