package spanpipe

import (
	"context"
	"math/rand/v2"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/ottlcondition"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
)

// arrangement is a way in which the same spans come.
type arrangement struct {
	// processors make the lanes, and four times as many shards of the trace table.
	processors int
	// requests is how many the spans of a wave come in, shuffled; 0: one, in their order.
	requests int
	// atOnce: each from a goroutine of its own.
	atOnce bool
	// pause is the longest time between two of them.
	pause time.Duration
	// repeated: some of them come again, and again when their traces are decided.
	repeated bool
	// early: what is sure is decided as soon as it is.
	early bool
}

func randomArrangement(rng *rand.Rand) arrangement {
	a := arrangement{processors: 1 + rng.IntN(8), requests: 1 + rng.IntN(12)}
	a.atOnce = rng.IntN(2) == 0
	return a
}

// cameOut are the tracestates of the spans that came out, by trace and span id.
type cameOut struct {
	mu    sync.Mutex
	state map[string]string
	spans int
}

func (c *cameOut) take(t *testing.T, request []byte) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
	require.NoError(t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				key := sp.TraceID().String() + sp.SpanID().String()
				if was, again := c.state[key]; again {
					require.Equal(t, was, sp.TraceState().AsRaw(), "a span that was sent again")
				}
				c.state[key] = sp.TraceState().AsRaw()
				c.spans++
			}
		}
	}
}

// arranged puts traces through an engine, in two waves, and returns what came out.
func arranged(t *testing.T, set ruleSet, traces []anyTrace, a arrangement, seed uint64) (out *cameOut) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(a.processors))
	synctest.Test(t, func(t *testing.T) {
		out = &cameOut{state: map[string]string{}}
		s := Settings{
			Config: DefaultConfig(), Limits: MemoryLimits{Buffers: 128 * mib}, NoRED: true, WriterID: "test", Start: time.Now(),
			Conditions: ottlcondition.Compiler(component.TelemetrySettings{Logger: zap.NewNop()}),
			SendTraces: func(_ context.Context, request []byte, _ int) error { out.take(t, request); return nil },
		}
		s.Config.Sampling.Policies = set.configs()
		s.Config.Sampling.DecisionWait, s.Config.Sampling.DecisionWaitMin = time.Second, 0
		s.Config.Sampling.DecideEarly = a.early
		s.Config.Sampling.DecisionLog = 0
		s.Config.Sampling.DecisionMemory.TracesMax = 1000
		s.Config.SLO.SLOs = []slo.SLO{{Name: "errors", Service: "*", Objective: 99, Errors: &slo.Errors{}}}
		e, err := New(s)
		require.NoError(t, err)
		require.Len(t, e.laneList, max(a.processors, 2))
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan struct{})
		go func() { e.Run(ctx); close(ran) }()

		rng := rand.New(rand.NewPCG(seed, 1))
		sent := 0
		for wave := range 2 {
			requests := requestsOf(t, rng, traces[wave*len(traces)/2:(wave+1)*len(traces)/2], a)
			for _, spans := range requests {
				sent += len(spans)
			}
			deliver(t, rng, e, requests, a)
			if a.repeated {
				time.Sleep(2 * time.Second)
				sent += len(requests[0])
				deliver(t, rng, e, requests[:1], a)
			}
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		cancel()
		<-ran
		require.Zero(t, e.Drain(t.Context()))
		conserved(t, e.Stats(time.Now()), sent, out.spans)
		e.Close()
	})
	return out
}

// requestsOf shares the spans of traces out among requests.
func requestsOf(t *testing.T, rng *rand.Rand, traces []anyTrace, a arrangement) [][]anySpan {
	var all []anySpan
	for _, trace := range traces {
		all = append(all, trace.spans...)
	}
	if a.requests == 0 {
		return [][]anySpan{all}
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	list := make([][]anySpan, a.requests)
	for _, s := range all {
		n := rng.IntN(len(list))
		list[n] = append(list[n], s)
	}
	if a.repeated {
		for range 1 + rng.IntN(3) {
			list = append(list, list[rng.IntN(len(list))])
		}
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	return list
}

func deliver(t *testing.T, rng *rand.Rand, e *Engine, requests [][]anySpan, a arrangement) {
	var all sync.WaitGroup
	for _, spans := range requests {
		body := encode(t, spans)
		send := func() {
			r, err := e.NewRequest(len(body), time.Now())
			require.NoError(t, err)
			copy(r.Body(), body)
			_, err = r.Accept(time.Now())
			require.NoError(t, err)
		}
		if a.atOnce {
			all.Go(send)
		} else {
			send()
		}
		if a.pause > 0 {
			time.Sleep(time.Duration(rng.Int64N(int64(a.pause))))
		}
	}
	all.Wait()
}

// conserved requires that every span that was sent is accounted for.
func conserved(t *testing.T, s Stats, sent, out int) {
	t.Helper()
	require.Equal(t, uint64(sent), s.AcceptedSpans)
	require.Equal(t, uint64(out), s.DeliveredSpans+s.DeliveredLateSpans)
	require.Equal(t, s.AcceptedSpans, s.DeliveredSpans+s.DeliveredLateSpans+s.Buffer.DroppedSpans+s.Buffer.LateDropped+s.Held.Spans)
	require.Zero(t, s.SendFailedSpans+s.LostSpans+s.QueuedSpans+s.Buffer.Truncated+s.Buffer.Lost)
	require.Zero(t, s.Held.Undecided)
}

// TestTheSameSpansGetTheSameDecisionHoweverTheyCome: any order, any requests, any number of lanes and shards, at once or apart, once or
// again. And it is the decision, and the threshold, that the policies' meaning says.
func TestTheSameSpansGetTheSameDecisionHoweverTheyCome(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	kept, dropped, sampled := 0, 0, 0
	for n := range tries(500) {
		set, traces := randomRules(rng, choice{}), randomTraces(rng, 24)
		want := arranged(t, set, traces, arrangement{processors: 2}, n)
		for _, trace := range traces {
			if set.keeps(trace, trace.r) {
				kept++
			} else {
				dropped++
			}
			sampled += requireOracle(t, set, trace, want)
		}
		a := randomArrangement(rng)
		a.pause, a.repeated, a.early = one(rng, 0, 50*time.Millisecond), rng.IntN(2) == 0, rng.IntN(4) == 0
		got := arranged(t, set, traces, a, n)
		if !a.early {
			require.Equal(t, want.state, got.state, "policies %s\narranged %+v", set, a)
			continue
		}
		require.Len(t, got.state, len(want.state))
		for id := range got.state { // what comes after the decision has no part in the probability that is told
			require.Contains(t, want.state, id)
		}
	}
	require.Greater(t, min(kept, dropped, sampled), int(tries(1000)), "kept %d, dropped %d, sampled %d", kept, dropped, sampled)
}

// requireOracle requires that a trace came out or not, and with a threshold, as the rules say; it returns how many spans told that
// they were sampled.
func requireOracle(t *testing.T, set ruleSet, trace anyTrace, out *cameOut) (sampled int) {
	t.Helper()
	keep := set.keeps(trace, trace.r)
	consistent := !trace.mixed && trace.incoming <= trace.r
	for _, s := range trace.spans {
		state, came := out.state[trace.id.String()+s.id.String()]
		require.Equal(t, keep, came, "policies %s\ntrace %+v", set, trace)
		if !came {
			continue
		}
		th, known := told(t, state)
		if known {
			require.True(t, consistent, "%s\npolicies %s\ntrace %+v", state, set, trace)
			require.Equal(t, max(set.threshold(trace), trace.incoming), th, "policies %s\ntrace %+v", set, trace)
			if th > 0 {
				sampled++
			}
		} else if !set.any(func(r rule) bool { return r.opaque }) {
			require.False(t, consistent, "policies %s\ntrace %+v", set, trace)
		}
	}
	return sampled
}

// TestWhatLimitsGetsTheSameDecisionsInTheSameRounds: of policies that count, the decisions are the same where the same traces are due
// together.
func TestWhatLimitsGetsTheSameDecisionsInTheSameRounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	kept, dropped := 0, 0
	for n := range tries(500) {
		set, traces := randomRules(rng, choice{limits: true}), randomTraces(rng, 24)
		want := arranged(t, set, traces, arrangement{processors: 2}, n)
		got := arranged(t, set, traces, randomArrangement(rng), n)
		requireAlike(t, set, want, got)
		requireWhole(t, traces, got)
		if set.any(func(r rule) bool { return r.counts }) {
			all := 0
			for _, trace := range traces {
				all += len(trace.spans)
			}
			kept, dropped = kept+len(want.state), dropped+all-len(want.state)
		}
	}
	require.Greater(t, min(kept, dropped), int(tries(1000)), "kept %d, dropped %d", kept, dropped)
}

// oneThreshold is an ot=th, and thresholdSlack by how little thresholds may differ: an adaptive policy adds up fractions in the order
// in which keys came.
var oneThreshold = regexp.MustCompile(`th:[0-9a-f]+`)

const thresholdSlack = 1 << 16

// requireAlike requires the same spans, with the same tracestates.
func requireAlike(t *testing.T, set ruleSet, want, got *cameOut) {
	t.Helper()
	require.Len(t, got.state, len(want.state), "policies %s", set)
	for id, state := range want.state {
		other, came := got.state[id]
		require.True(t, came, "policies %s", set)
		if state == other {
			continue
		}
		require.Equal(t, oneThreshold.ReplaceAllString(state, "th"), oneThreshold.ReplaceAllString(other, "th"), "policies %s", set)
		a, _ := told(t, state)
		b, _ := told(t, other)
		require.InDelta(t, a, b, thresholdSlack, "policies %s", set)
	}
}

// TestWhateverComparesTracesNoneComesOutInPart: which traces are first, rare, slower than others or of a key that had none hangs on
// their order. Whole they come out all the same, or not at all, and every span is accounted for.
func TestWhateverComparesTracesNoneComesOutInPart(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for n := range tries(200) {
		set, traces := randomRules(rng, choice{limits: true, comparisons: true}), randomTraces(rng, 24)
		a := randomArrangement(rng)
		a.pause = one(rng, 0, 50*time.Millisecond)
		requireWhole(t, traces, arranged(t, set, traces, a, n))
	}
}

// requireWhole requires of every trace that all of its spans came out or none.
func requireWhole(t *testing.T, traces []anyTrace, out *cameOut) {
	t.Helper()
	for _, trace := range traces {
		came := 0
		for _, s := range trace.spans {
			if _, is := out.state[trace.id.String()+s.id.String()]; is {
				came++
			}
		}
		require.Contains(t, []int{0, len(trace.spans)}, came, "%+v", trace)
	}
}

// tries is how often something random is tried.
func tries(n uint64) uint64 {
	if underRace {
		return n / 10
	}
	return n
}
