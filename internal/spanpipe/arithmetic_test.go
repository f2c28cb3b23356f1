package spanpipe

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/binary"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// recording is recorded traffic, whose trace ids can be replaced: they are fixed, and what is sampled hangs on them.
type recording struct {
	requests []ptrace.Traces
	at       []time.Duration // when each came, in a quarter of a minute for all of it
	traces   map[pcommon.TraceID]int
	trace    []int // numbers of the traces of all spans, in order
	spans    map[string]int
}

// recordingLasts is how long a recording takes here, whatever it took.
const recordingLasts = 15 * time.Second

// readRecording reads every nth trace of a file.
func readRecording(t *testing.T, name string, nth int) *recording {
	t.Helper()
	r := &recording{traces: map[pcommon.TraceID]int{}, spans: map[string]int{}}
	lines, times := recordedLines(t, name+".jsonl.gz"), recordedLines(t, name+".times.tsv.gz")
	times.Scan() // the header
	first, last := int64(0), int64(0)
	var at []int64
	for lines.Scan() && times.Scan() {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(lines.Bytes())
		require.NoError(t, err)
		last, err = strconv.ParseInt(strings.Split(times.Text(), "\t")[1], 10, 64)
		require.NoError(t, err)
		if first == 0 {
			first = last
		}
		eachSpan(td, func(service string, sp ptrace.Span) bool {
			n, known := r.traces[sp.TraceID()]
			if !known {
				n = len(r.traces)
				r.traces[sp.TraceID()] = n
			}
			if n%nth != 0 {
				return false
			}
			r.trace = append(r.trace, n)
			r.spans[service]++
			return true
		})
		r.requests, at = append(r.requests, td), append(at, last)
	}
	require.NoError(t, lines.Err())
	for _, ns := range at {
		r.at = append(r.at, time.Duration(float64(ns-first)/float64(last-first)*float64(recordingLasts)))
	}
	return r
}

func recordedLines(t *testing.T, name string) *bufio.Scanner {
	t.Helper()
	unzipped, err := gzip.NewReader(recorded(t, name))
	require.NoError(t, err)
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 64<<20)
	return lines
}

// eachSpan shows the spans of a request, and takes those out that are not to stay.
func eachSpan(td ptrace.Traces, stays func(service string, sp ptrace.Span) bool) {
	for _, rs := range td.ResourceSpans().All() {
		service, _ := rs.Resource().Attributes().Get("service.name")
		for _, ss := range rs.ScopeSpans().All() {
			ss.Spans().RemoveIf(func(sp ptrace.Span) bool { return !stays(service.Str(), sp) })
		}
	}
}

// stamped is what a trace of a recording gets: an id, and a tracestate for all its spans. drop: an upstream sampler dropped it.
type stamped struct {
	id    pcommon.TraceID
	state string
	drop  bool
}

// replay puts the recording through an engine with these policies and returns what its spans stand for that come out.
func (r *recording) replay(t *testing.T, policies []sampling.PolicyConfig, stamp func() stamped) *estimates {
	t.Helper()
	out := newEstimates(t)
	s := Settings{
		Config: DefaultConfig(), Limits: MemoryLimits{Buffers: 1024 * mib}, NoRED: true, WriterID: "test", Start: time.Now(),
		SendTraces: func(context.Context, []byte, int) error { return nil },
	}
	s.Config.Sampling.Policies = policies
	e, err := New(s)
	require.NoError(t, err)
	defer e.Close()
	stamps := make([]stamped, len(r.traces))
	for i := range stamps {
		stamps[i] = stamp()
	}
	now, span := e.start, 0
	tick := func() {
		e.tick(now)
		e.out.flush()
		for b := e.out.next(); b != nil; b = e.out.next() {
			out.take(b.region[:b.used])
			e.out.done(b)
		}
	}
	for i, td := range r.requests {
		for now.Sub(e.start) < r.at[i] {
			now = now.Add(tickInterval)
			tick()
		}
		request, spans := r.encode(t, td, stamps, span)
		span += spans
		in, err := e.NewRequest(len(request), now)
		require.NoError(t, err)
		copy(in.Body(), request)
		_, err = in.Accept(now)
		require.NoError(t, err)
	}
	for end := now.Add(11 * time.Second); now.Before(end); {
		now = now.Add(tickInterval)
		tick()
	}
	return out
}

// encode encodes a request with stamps for its spans, of which span is the first.
func (r *recording) encode(t *testing.T, td ptrace.Traces, stamps []stamped, span int) (request []byte, spans int) {
	dropped := false
	eachSpan(td, func(_ string, sp ptrace.Span) bool {
		s := &stamps[r.trace[span+spans]]
		sp.SetTraceID(s.id)
		sp.TraceState().FromRaw(s.state)
		dropped = dropped || s.drop
		spans++
		return true
	})
	if dropped {
		passed := ptrace.NewTraces()
		td.CopyTo(passed)
		n := span
		eachSpan(passed, func(string, ptrace.Span) bool { n++; return !stamps[r.trace[n-1]].drop })
		td = passed
	}
	request, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return request, spans
}

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

// freshIDs stamps traces with ids at random.
func freshIDs(seed uint64) func() stamped {
	rng := rand.New(rand.NewPCG(seed, 99))
	return func() (s stamped) {
		binary.BigEndian.PutUint64(s.id[:], rng.Uint64())
		binary.BigEndian.PutUint64(s.id[8:], rng.Uint64())
		return s
	}
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

// rate is how many spans there are a second.
func (r *recording) rate() int64 { return int64(float64(r.total()) / recordingLasts.Seconds()) }

// subjects are what is estimated: "" for all spans, and each service, the largest first.
func (r *recording) subjects() []string {
	services := slices.SortedFunc(maps.Keys(r.spans), func(a, b string) int { return cmp.Compare(r.spans[b], r.spans[a]) })
	return append([]string{""}, services...)
}

func (r *recording) truth(subject string) float64 {
	if subject == "" {
		return float64(r.total())
	}
	return float64(r.spans[subject])
}

const (
	standardErrorsMax = 4
	// sampledMin is by how many traces a standard error is taken for one.
	sampledMin = 10
)

func TestAdjustedCountsOfRecordedTrafficAddUpToTheTruth(t *testing.T) {
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
	if testing.Short() {
		t.Skip("long")
	}
	const replays = 50
	r := readRecording(t, "nezha-ts", 8)
	for name, policies := range arithmeticPolicies(r.rate()) {
		t.Run(name, func(t *testing.T) {
			sums, variances := map[string]float64{}, map[string]float64{}
			unknown := 0
			for n := range uint64(replays) {
				out := r.replay(t, policies, freshIDs(100+n))
				for _, subject := range r.subjects() {
					estimate, se, _ := out.of(subject)
					sums[subject] += estimate
					variances[subject] += se * se
				}
				unknown += out.unknown
			}
			for _, subject := range r.subjects() {
				truth, mean := r.truth(subject), sums[subject]/replays
				se := math.Sqrt(variances[subject]) / replays
				t.Logf("%-30s truth %6.0f, mean %8.1f +- %6.1f, off by %+.2f standard errors", cmp.Or(subject, "all"), truth, mean, se, (mean-truth)/max(se, 1))
				require.InDelta(t, truth, mean, standardErrorsMax*se+1e-6*truth, subject)
			}
			t.Logf("%d spans of %d came out without a threshold", unknown, replays*r.total())
		})
	}
}
