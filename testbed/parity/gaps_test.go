package parity

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// What contrib v0.160.0 does wrong, by the names under which it is known: each test shows that it does, and that ours does not.

const (
	errorsOnly = "decision_wait: 5s\npolicies: [" + isError + "]\n"
	isSlow500  = "{name: slow, type: latency, latency: {threshold_ms: 500}}"
)

func TestGapOverflowEvictsUndecided(t *testing.T) {
	bad := traceID(1, 1)
	requests := []request{at(0, spanOf(bad, failed))}
	for i := range uint64(20) {
		requests = append(requests, at(time.Second, spanOf(traceID(2, 2+i))))
	}
	contrib, ours := both(t, errorsOnly+"num_traces: 10", requests...)
	assert.Empty(t, contrib.traces)
	assert.Contains(t, ours.traces, bad)
}

func TestGapOversizeDropsUndecided(t *testing.T) {
	bad := traceID(1, 1)
	large := labelled("text", strings.Repeat("x", 3000))
	contrib, ours := both(t, errorsOnly+"maximum_trace_size_bytes: 2000",
		at(0, spanOf(bad, large)), at(time.Second, spanOf(bad, failed)))
	assert.Empty(t, contrib.traces)
	assert.Contains(t, ours.traces, bad)
}

func TestGapLateErrorDiscarded(t *testing.T) {
	bad := traceID(1, 1)
	for _, caches := range []string{"", "decision_cache: {sampled_cache_size: 1000, non_sampled_cache_size: 1000}"} {
		contrib, ours := both(t, errorsOnly+caches, at(0, spanOf(bad)), at(10*time.Second, spanOf(bad, failed, child)))
		assert.Empty(t, contrib.traces)
		assert.Equal(t, 2, ours.traces[bad].spans, "the spans that were dropped, too")
	}
}

// By default contrib forgets what it decided as soon as num_traces others came.
func TestGapLateSpansDecidedAlone(t *testing.T) {
	bad := traceID(1, 1)
	requests := []request{at(0, spanOf(bad, failed))}
	for i := range uint64(20) {
		requests = append(requests, at(10*time.Second, spanOf(traceID(2, 2+i))))
	}
	requests = append(requests, at(12*time.Second, spanOf(bad, child), spanOf(bad, child)))
	contrib, ours := both(t, errorsOnly+"num_traces: 10", requests...)
	assert.Equal(t, 1, contrib.traces[bad].spans, "a fragment")
	assert.Equal(t, 3, ours.traces[bad].spans)
}

func TestGapBatchOnlyView(t *testing.T) {
	slow, long := traceID(1, 1), traceID(2, 2)
	contrib, ours := both(t, "decision_wait: 5s\nsampling_strategy: span-ingest\npolicies: ["+isSlow500+"]",
		at(0, spanOf(slow, lasting(0, 100)), spanOf(long, lasting(0, 900))),
		at(time.Second, spanOf(slow, lasting(800, 900), child)))
	assert.Contains(t, contrib.traces, long, "one span tells it")
	assert.NotContains(t, contrib.traces, slow, "no request tells it alone")
	assert.Contains(t, ours.traces, long)
	assert.Equal(t, 2, ours.traces[slow].spans)
}

func TestGapDownstreamFailureOnlyLogged(t *testing.T) {
	bad := traceID(1, 1)
	tr := newTraffic("small", []request{at(0, spanOf(bad, failed))})
	down := func() *kept {
		k := newKept()
		until := 0
		k.refuse = func() error {
			if until++; until <= 3 {
				return errors.New("cannot take it now")
			}
			return nil
		}
		return k
	}
	assert.Empty(t, stock.process(t, errorsOnly, down(), sending(tr)).traces)
	assert.Contains(t, own.process(t, errorsOnly, down(), sending(tr)).traces, bad)
}

// spray is so many traces a second, each in a request of its own.
func spray(perSecond int, over time.Duration, spans func(id pcommon.TraceID) int) *traffic {
	rnd := rand.New(rand.NewPCG(5, 5))
	var requests []request
	for i := range int(over.Seconds()) * perSecond {
		id := traceID(rnd.Uint64(), rnd.Uint64())
		r := at(time.Duration(i)*time.Second/time.Duration(perSecond), spanOf(id))
		for range spans(id) - 1 {
			spanOf(id, child).CopyTo(r.traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty())
		}
		requests = append(requests, r)
	}
	return newTraffic("spray", requests)
}

func TestGapShardDivisionMakesSmallLimitsWrong(t *testing.T) {
	tr := spray(50, time.Minute, func(pcommon.TraceID) int { return 1 })
	const config = "decision_wait: 5s\nnum_shards: 8\npolicies: [{name: it, type: rate_limiting, rate_limiting: {spans_per_second: 4}}]"
	contrib, ours := stock.replay(t, config, tr, time.Minute), own.replay(t, config, tr, time.Minute)
	const asked = 60*4 + 8 // the rate, and the burst at the start
	t.Logf("asked for %d spans, contrib keeps %d, ours %d", asked, contrib.spans(), ours.spans())
	assert.Greater(t, contrib.spans(), asked*2)
	assert.InDelta(t, asked, ours.spans(), 20)
}

// A bucket in which a large trace seldom finds room keeps few of them, and nothing says so. Ours keeps few of them as well where a
// round has room for none but small ones; each says how many it stands for, so that sums of both kinds are right.
func TestGapRateLimitBiasedAgainstLargeTraces(t *testing.T) {
	large := func(id pcommon.TraceID) bool { return id[0]%8 == 0 }
	tr := spray(40, 10*time.Minute, func(id pcommon.TraceID) int {
		if large(id) {
			return 40
		}
		return 1
	})
	const config = "decision_wait: 5s\npolicies: [{name: it, type: rate_limiting, rate_limiting: {spans_per_second: 50}}]"
	// counts are how many traces of both kinds there are, small and large, each counted as often as weight says.
	counts := func(of map[pcommon.TraceID]fragment, weight func(pcommon.TraceID) float64) (out [2]float64) {
		for id := range of {
			if large(id) {
				out[1] += weight(id)
			} else {
				out[0] += weight(id)
			}
		}
		return out
	}
	one := func(pcommon.TraceID) float64 { return 1 }
	all := counts(tr.whole, one)

	contrib, ours := stock.replay(t, config, tr, time.Minute), newKept()
	ours.wantData = true
	own.process(t, config, ours, sending(tr))
	stands := standsFor(t, ours)
	var shares [2][2]float64
	for i, k := range []*kept{contrib, ours} {
		n := counts(k.traces, one)
		shares[i] = [2]float64{n[0] / all[0], n[1] / all[1]}
		t.Logf("shares of small and of large traces kept: %.3f and %.3f", shares[i][0], shares[i][1])
	}
	assert.Greater(t, shares[0][0], 2*shares[0][1], "contrib")
	assert.InEpsilon(t, shares[1][0], shares[1][1], 0.2, "ours: about 270 large traces are kept, give or take 16")
	estimate := counts(ours.traces, func(id pcommon.TraceID) float64 { return stands[id] })
	t.Logf("ours: %.0f small and %.0f large traces stand for %.0f and %.0f", all[0], all[1], estimate[0], estimate[1])
	assert.InEpsilon(t, all[0], estimate[0], 0.1)
	assert.InEpsilon(t, all[1], estimate[1], 0.25)
}

// standsFor returns for how many traces each one stands, by the threshold of its spans.
func standsFor(t *testing.T, k *kept) map[pcommon.TraceID]float64 {
	out := map[pcommon.TraceID]float64{}
	for _, td := range k.data {
		eachSpan(td, func(s ptrace.Span) {
			_, th, found := strings.Cut(s.TraceState().AsRaw(), "th:")
			if !found {
				return
			}
			n, err := strconv.ParseUint((th + strings.Repeat("0", 14))[:14], 16, 64)
			require.NoError(t, err)
			out[s.TraceID()] = 1 / (1 - float64(n)/(1<<56))
		})
	}
	return out
}

// Contrib's caches know a trace by half of its id, which is enough where ids are random; some are not.
func TestGapCacheKeyIsHalfTheTraceID(t *testing.T) {
	const caches = "decision_cache: {sampled_cache_size: 1000, non_sampled_cache_size: 1000}"
	bad, good, good2, bad2 := traceID(1, 7), traceID(2, 7), traceID(3, 8), traceID(4, 8)
	contrib, ours := both(t, errorsOnly+caches,
		at(0, spanOf(bad, failed), spanOf(good2)), at(10*time.Second, spanOf(good), spanOf(bad2, failed)))
	assert.Contains(t, contrib.traces, good, "what another trace was kept for")
	assert.NotContains(t, contrib.traces, bad2, "what another trace was dropped for")
	assert.Len(t, ours.traces, 2)
	assert.Contains(t, ours.traces, bad)
	assert.Contains(t, ours.traces, bad2)
}
