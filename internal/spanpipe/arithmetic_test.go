package spanpipe

import (
	"cmp"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// estimates add up what kept spans stand for: a trace that is kept with probability p = 1 - th/2^56 has n spans of a service, which
// stand for n/p. Of independent traces, the sum over those that are kept has the mean sum of n over all, and the variance sum of
// n²(1-p)/p over all, of which the sum of n²(1-p)/p² over those that are kept is an unbiased estimate. Its root is the standard error.
type estimates struct {
	t       *testing.T
	schema  *spanview.Schema
	service spanview.ResourceSlot
	batch   spanview.Batch
	traces  map[[16]byte]*standsFor
	states  map[string]uint64 // 1 + threshold, 0: not known
	unknown int               // spans without a threshold
}

// standsFor is a kept trace with a known probability.
type standsFor struct {
	threshold uint64
	spans     map[string]int // by service
}

func newEstimates(t *testing.T) *estimates {
	e := &estimates{t: t, schema: &spanview.Schema{}, traces: map[[16]byte]*standsFor{}, states: map[string]uint64{}}
	var err error
	e.service, err = e.schema.ResourceSlot("service.name")
	require.NoError(t, err)
	return e
}

func (e *estimates) take(request []byte) {
	require.NoError(e.t, otlpwire.Scan(request, e.schema, &e.batch))
	for i := range e.batch.Spans {
		s := &e.batch.Spans[i]
		state, read := e.states[s.TraceState]
		if !read {
			if th, known := told(e.t, s.TraceState); known {
				state = 1 + th
			}
			e.states[strings.Clone(s.TraceState)] = state
		}
		if state == 0 {
			e.unknown++
			continue
		}
		trace := e.traces[s.TraceID]
		if trace == nil {
			trace = &standsFor{threshold: state - 1, spans: map[string]int{}}
			e.traces[s.TraceID] = trace
		}
		require.Equal(e.t, trace.threshold, state-1, "the spans of a trace tell one threshold")
		trace.spans[strings.Clone(e.batch.ResourceValue(int(s.Resource), e.service).Str)]++
	}
}

// of returns the estimate of the spans of a service, "" for all, and its standard error; sampled is how many traces are in it that
// were kept by chance.
func (e *estimates) of(service string) (estimate, standardError float64, sampled int) {
	variance := 0.
	for _, trace := range e.traces {
		n := float64(trace.spans[service])
		if service == "" {
			for _, more := range trace.spans {
				n += float64(more)
			}
		}
		p := 1 - float64(trace.threshold)/(1<<56)
		estimate += n / p
		variance += n * n * (1 - p) / p / p
		if n > 0 && p < 1 {
			sampled++
		}
	}
	return estimate, math.Sqrt(variance), sampled
}

func (r *recording) total() (n int) {
	for _, more := range r.spans {
		n += more
	}
	return n
}

// arithmeticPolicies are what is tried on a recording of so many spans a second; limits let a quarter pass.
func arithmeticPolicies(rate int64) map[string][]sampling.PolicyConfig {
	errors, slow, share := statusIs("errors", "ERROR"), slowerThan(499), percent(5)
	limit, fair := rateOf(rate/4), adaptiveTo(rate/4)
	return map[string][]sampling.PolicyConfig{
		"errors, slow, 5 percent": {errors, slow, share},
		"rate_limiting":           {limit},
		"adaptive_throughput":     {fair},
		"all of them":             {errors, slow, share, limit, fair},
	}
}

func slowerThan(ms int64) sampling.PolicyConfig {
	return sampling.PolicyConfig{Name: "slow", Type: "latency", Latency: &sampling.LatencyConfig{ThresholdMs: ms}}
}

func percent(share float64) sampling.PolicyConfig {
	return sampling.PolicyConfig{Name: "share", Type: "probabilistic", Probabilistic: &sampling.ProbabilisticConfig{SamplingPercentage: share}}
}

func rateOf(spans int64) sampling.PolicyConfig {
	return sampling.PolicyConfig{Name: "rate", Type: "rate_limiting", RateLimiting: &sampling.RateLimitingConfig{SpansPerSecond: spans, BurstCapacity: 10 * spans}}
}

func adaptiveTo(spans int64) sampling.PolicyConfig {
	return sampling.PolicyConfig{Name: "fair", Type: "adaptive_throughput", AdaptiveThroughput: &sampling.AdaptiveThroughputConfig{SpansPerSecond: spans}}
}

const (
	standardErrorsMax = 4
	// sampledMin is by how many traces a standard error is taken for one: of few, it is small where the estimate is.
	sampledMin = 25
)

func TestAdjustedCountsOfRecordedTrafficAddUpToTheTruth(t *testing.T) {
	if underRace {
		t.Skip("long, and the race detector has nothing to find in it")
	}
	if testing.Short() {
		t.Skip("long")
	}
	r := readRecording(t, "nezha-ts", 1)
	for name, policies := range arithmeticPolicies(r.rate()) {
		t.Run(name, func(t *testing.T) {
			out := r.replay(t, policies, freshIDs(1))
			for _, subject := range r.subjects() {
				truth := r.truth(subject)
				estimate, se, sampled := out.of(subject)
				t.Logf("%-30s truth %6.0f, estimate %8.1f +- %7.1f, off by %+.2f standard errors; %d traces were kept by chance",
					cmp.Or(subject, "all"), truth, estimate, se, (estimate-truth)/max(se, 1), sampled)
				if sampled >= sampledMin {
					require.InDelta(t, truth, estimate, standardErrorsMax*se, subject)
				}
			}
			t.Logf("%d spans came out without a threshold", out.unknown)
		})
	}
}

// TestAdjustedCountsAreNotBiased: over many replays with other trace ids, the mean of the estimates is the truth, within its own
// standard error: the root of the mean variance over the number of replays.
func TestAdjustedCountsAreNotBiased(t *testing.T) {
	if testing.Short() || underRace {
		t.Skip("long, and the race detector has nothing to find in it")
	}
	const replays = 50
	r := readRecording(t, "nezha-ts", 16)
	for name, policies := range arithmeticPolicies(r.rate()) {
		t.Run(name, func(t *testing.T) {
			sums, variances, chance := map[string]float64{}, map[string]float64{}, map[string]int{}
			unknown := 0
			for n := range uint64(replays) {
				out := r.replay(t, policies, freshIDs(100+n))
				for _, subject := range r.subjects() {
					estimate, se, sampled := out.of(subject)
					chance[subject] += sampled
					sums[subject] += estimate
					variances[subject] += se * se
				}
				unknown += out.unknown
			}
			for _, subject := range r.subjects() {
				truth, mean := r.truth(subject), sums[subject]/replays
				se := math.Sqrt(variances[subject]) / replays
				t.Logf("%-30s truth %6.0f, mean %8.1f +- %6.1f, off by %+.2f standard errors", cmp.Or(subject, "all"), truth, mean, se, (mean-truth)/max(se, 1))
				if chance[subject] >= 2*replays {
					require.InDelta(t, truth, mean, standardErrorsMax*se, subject)
				}
			}
			t.Logf("%d spans of %d came out without a threshold", unknown, replays*r.total())
		})
	}
}
