package sampling

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// erring is a record of a trace with an error of a signature, 0 for none.
func erring(rng *rand.Rand, spans uint32, signature uint64) tracebuf.Record {
	r := randomRecord(rng, spans, 0)
	if signature != 0 {
		r.Bits, r.Traits.ErrorSignature = 1, signature
	}
	return r
}

const limitedErrors = `{policies: [{name: e, type: and, and: {and_sub_policy: [
	{type: adaptive_throughput, adaptive_throughput: {spans_per_second: 100, key: error_signature}},
	{type: status_code, status_code: {status_codes: [ERROR]}}]}}]}`

func TestATraceWithoutAnErrorHasNoSignatureAndNeverMatches(t *testing.T) {
	p := adaptivePolicy(t, `spans_per_second: 100, key: error_signature`)
	rng := rand.New(rand.NewPCG(1, 3))
	records := []tracebuf.Record{erring(rng, 1, 0), erring(rng, 1, 7)}
	round(p, 50, records)
	assert.Equal(t, tracebuf.Verdict{Policy: NoPolicy}, p.Decide(&records[0]))
	assert.Equal(t, tracebuf.Verdict{Keep: true, Known: true}, p.Decide(&records[1]))
	assert.Equal(t, []AdaptiveStats{{Policy: "a", Keys: 1, Share: 1}}, p.Adaptive())
}

func TestWhatIsKeptForItsKeyAloneHasNoProbability(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [
		{name: a, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 10, min_traces_per_minute: 60}},
		{name: vip, type: boolean_attribute, boolean_attribute: {key: vip, value: true}}]}`)
	rng := rand.New(rand.NewPCG(2, 3))
	unlucky := func(bits uint64) tracebuf.Record {
		r := randomRecord(rng, 100, bits)
		r.Randomness, r.Traits.Key = 1, 5
		return r
	}
	now := int64(1)
	decide := func(wait int64, records ...tracebuf.Record) (out []tracebuf.Verdict) {
		now += wait
		round(p, now, records)
		for i := range records {
			out = append(out, p.Decide(&records[i]))
		}
		return out
	}
	var storm []tracebuf.Record
	for range 100 {
		storm = append(storm, unlucky(0))
	}
	aside, dropped := tracebuf.Verdict{Keep: true, Policy: 0}, tracebuf.Verdict{Policy: NoPolicy}
	first := decide(50, storm...)
	assert.Equal(t, aside, first[0], "the first of its key")
	for _, v := range first[1:] {
		assert.Equal(t, dropped, v)
	}
	for range 5 {
		for _, v := range decide(999, storm...)[:2] {
			assert.Equal(t, dropped, v)
		}
		assert.Equal(t, []tracebuf.Verdict{aside, dropped}, decide(1, storm...)[:2], "a second is over")
	}
	// what another policy is sure of stands
	storm[0].Bits = 1
	assert.Equal(t, tracebuf.Verdict{Keep: true, Policy: 0, Known: true}, decide(1000, storm...)[0])
}

func TestAStormOfLateErrorsIsLimitedToo(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, key := range []uint64{7, 0} { // a signature that rounds know, and spans whose trace's record is gone
		p, _ := mustCompile(t, limitedErrors)
		kept := 0
		for n := range 20 * 60 {
			round(p, int64(n+1)*50, []tracebuf.Record{erring(rng, 1, 7)})
			for range 100 {
				r := erring(rng, 1, key)
				if key == 0 {
					s := spanview.Span{TraceID: r.TraceID, Bits: 1, Status: spanview.StatusError}
					if p.RescuesAlone(&s) {
						kept++
					}
				} else if p.Rescues(&tracebuf.Record{}, &r) {
					kept++
				}
				require.False(t, p.Rescues(&tracebuf.Record{}, new(erring(rng, 1, 0))))
			}
		}
		assert.Less(t, kept, 100*62+100)
		assert.Greater(t, kept, 100*45)
	}
	quiet, _ := mustCompile(t, limitedErrors)
	round(quiet, 50, nil)
	assert.True(t, quiet.Rescues(&tracebuf.Record{}, new(erring(rng, 1, 7))))
	assert.True(t, quiet.RescuesAlone(&spanview.Span{Bits: 1, Status: spanview.StatusError}))
	assert.False(t, quiet.RescuesAlone(&spanview.Span{}))
}

func TestLateSpansAskWhileRoundsGoOn(t *testing.T) {
	p, _ := mustCompile(t, limitedErrors)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for seed := range uint64(2) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 4))
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := erring(rng, 2, 1+rng.Uint64N(2000))
				p.Rescues(&tracebuf.Record{}, &r)
				p.Decisive(&r)
				p.Adaptive()
			}
		})
	}
	rng := rand.New(rand.NewPCG(5, 4))
	for n := range 3000 {
		var records []tracebuf.Record
		for range 20 {
			records = append(records, erring(rng, 2, 1+rng.Uint64N(2000)))
		}
		round(p, int64(n+1)*100, records)
		for i := range records {
			p.Decide(&records[i])
			p.Follow(&records[i])
		}
	}
	close(stop)
	wg.Wait()
}

func TestKeysThatAreSilentAreForgotten(t *testing.T) {
	p := adaptivePolicy(t, `spans_per_second: 100`)
	rng := rand.New(rand.NewPCG(6, 3))
	for second := range int64(90) {
		var records []tracebuf.Record
		for key := range 10 {
			if key == 0 || second < 10 {
				r := randomRecord(rng, 1, 0)
				r.Traits.Key = keyed(key)
				records = append(records, r)
			}
		}
		round(p, 1+second*1000, records)
		if second == 50 {
			assert.Equal(t, 10, p.Adaptive()[0].Keys)
		}
	}
	assert.Equal(t, 1, p.Adaptive()[0].Keys)
}
