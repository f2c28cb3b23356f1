package spanpipe

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

// attributed makes a request of one span with one attribute.
func (w *world) attributed(trace uint64, key, value string) []byte {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	w.serial++
	sp.SetTraceID(traceID(trace))
	sp.SetSpanID(pcommon.SpanID{1, byte(w.serial >> 8), byte(w.serial)})
	sp.SetStartTimestamp(1_700_000_000_000_000_000)
	sp.SetEndTimestamp(1_700_000_000_100_000_000)
	sp.Attributes().PutStr(key, value)
	request, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(w.t, err)
	w.accepted[sp.TraceID().String()+sp.SpanID().String()] = true
	return request
}

func textIs(name, key, value string) sampling.PolicyConfig {
	return sampling.PolicyConfig{Name: name, Type: "string_attribute", StringAttribute: &sampling.StringAttributeConfig{Key: key, Values: []string{value}}}
}

func statusIs(name, code string) sampling.PolicyConfig {
	return sampling.PolicyConfig{Name: name, Type: "status_code", StatusCode: &sampling.StatusCodeConfig{StatusCodes: []string{code}}}
}

func (w *world) must(request []byte) {
	w.t.Helper()
	_, err := w.send(request)
	require.NoError(w.t, err)
}

// out ends the engine and returns how many spans came out of each trace.
func (w *world) out() map[string]int {
	w.end()
	w.engine.Close()
	out := map[string]int{}
	for id := range w.sink.spans {
		out[id[:32]]++
	}
	return out
}

func TestNewPoliciesHoldForAllThatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			s.Config.Sampling.Policies = []sampling.PolicyConfig{statusIs("errors", "ERROR"), textIs("vips", "user", "vip")}
		})
		w.mustSend(testSpan{trace: 1}, testSpan{trace: 1, failed: true}) // kept by the old ones, and by the new ones
		w.must(w.attributed(2, "user", "vip"))                           // not by the new ones any more
		w.must(w.attributed(3, "tier", "gold"))                          // by the new ones
		w.must(w.attributed(3, "tier", "silver"))
		w.must(w.attributed(4, "tier", "silver"))
		w.must(w.attributed(5, "user", "vip")) // is out before
		w.mustSend(testSpan{trace: 6})
		time.Sleep(5 * time.Second)

		err := w.engine.ReloadPolicies(sampling.Config{Policies: []sampling.PolicyConfig{{Name: "a", Type: "nonsense"}}})
		require.ErrorContains(t, err, `policies[0].type must be a known policy type (got "nonsense")`)
		require.Equal(t, "vips", w.engine.plan.Load().policies.Name(1), "nothing has changed")

		require.NoError(t, w.engine.ReloadPolicies(sampling.Config{Policies: []sampling.PolicyConfig{
			textIs("gold", "tier", "gold"), statusIs("errors", "ERROR"), textIs("region", "region", "eu"),
		}}))
		w.must(w.attributed(4, "region", "eu")) // what comes behind is asked by the new ones
		w.mustSend(testSpan{trace: 6})
		time.Sleep(10 * time.Second)
		require.Equal(t, map[string]int{traceID(1).String(): 2, traceID(3).String(): 2, traceID(4).String(): 2}, w.out())
	})
}

func TestRequestsGoOnWhilePoliciesChange(t *testing.T) {
	w := newWorld(t, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50 {
			w.mustSend(testSpan{trace: w.rng.Uint64(), failed: true}, testSpan{trace: w.rng.Uint64()})
		}
	}()
	for i := range 20 {
		policies := []sampling.PolicyConfig{statusIs("errors", "ERROR")}
		if i%2 == 0 {
			policies = append(policies, textIs("vips", "user", "vip"))
		}
		shadow := []sampling.PolicyConfig{
			{Name: "rate", Type: "rate_limiting", RateLimiting: &sampling.RateLimitingConfig{SpansPerSecond: 10}},
			{Name: "adaptive", Type: "adaptive_throughput", AdaptiveThroughput: &sampling.AdaptiveThroughputConfig{SpansPerSecond: 10}},
		}
		require.NoError(t, w.engine.ReloadPolicies(sampling.Config{Policies: policies, ShadowPolicies: shadow}))
	}
	<-done
	out := w.out()
	require.Len(t, out, 50)
	for id := range out {
		require.True(t, w.errors[id])
	}
}

func TestShadowPoliciesAreCountedAndNeverDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			s.Config.Sampling.Policies = []sampling.PolicyConfig{statusIs("errors", "ERROR")}
			s.Config.Sampling.ShadowPolicies = []sampling.PolicyConfig{textIs("vips", "user", "vip")}
		})
		w.mustSend(testSpan{trace: 1, failed: true}, testSpan{trace: 1}, testSpan{trace: 2})
		w.must(w.attributed(3, "user", "vip"))
		w.must(w.attributed(1, "user", "none"))
		time.Sleep(11 * time.Second)
		stats := w.engine.Stats(time.Now())
		require.Equal(t, map[string]int{traceID(1).String(): 3}, w.out())
		for _, s := range stats.Shadow {
			want := map[[2]bool][3]uint64{{true, false}: {1, 3, 1}, {false, false}: {1, 1, 0}, {false, true}: {1, 1, 0}}[[2]bool{s.Kept, s.WouldKeep}]
			require.Equal(t, want, [3]uint64{s.Traces, s.Spans, s.ErrorTraces}, "%+v", s)
		}
		require.EqualValues(t, 1, stats.ShadowPolicies[0].Traces)
		require.EqualValues(t, 3, stats.Policies[0].Spans)
	})
}

func TestWhyTellsWhereATraceStandsAndHowItGotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			s.Config.Sampling.Policies = []sampling.PolicyConfig{
				statusIs("errors", "ERROR"),
				{Name: "health", Type: "drop", Drop: &sampling.DropConfig{SubPolicies: []sampling.PolicyConfig{textIs("", "url.path", "/healthz")}}},
			}
			s.Config.Sampling.RescueWindow = 30 * time.Second
			s.Config.Sampling.AnnotateSpans = sampling.AnnotateNone
		})
		start := time.Now()
		require.Equal(t, stateUnknown, w.engine.Why(traceID(1)).State)
		w.mustSend(testSpan{trace: 1, failed: true}, testSpan{trace: 1}, testSpan{trace: 2}, testSpan{trace: 3})
		w.must(w.attributed(4, "url.path", "/healthz"))

		y := w.engine.Why(traceID(1))
		require.Equal(t, stateUndecided, y.State)
		require.Equal(t, "errors", y.Policy)
		require.Equal(t, []string{"shop"}, y.Services)
		require.EqualValues(t, 2, y.SpansHeld)
		require.Len(t, y.Policies, 2)
		require.True(t, y.Policies[0].Settled)

		time.Sleep(11 * time.Second)
		w.mustSend(testSpan{trace: 3, failed: true})
		time.Sleep(time.Second)
		y = w.engine.Why(traceID(1))
		require.Equal(t, []any{stateKept, "decided", "errors", uint32(2), uint32(2), uint32(1)}, []any{y.State, y.Reason, y.Policy, y.SpansSeen, y.SpansKept, y.Errors})
		require.True(t, y.ThresholdKnown)
		require.WithinRange(t, y.Decided, start.Add(9*time.Second), start.Add(11*time.Second))
		require.WithinDuration(t, start, y.FirstSeen, time.Millisecond)
		require.Equal(t, []string{"shop"}, y.Services)
		y = w.engine.Why(traceID(2))
		require.Equal(t, []any{stateDropped, "", "", uint32(1)}, []any{y.State, y.Reason, y.Policy, y.SpansHeld})
		y = w.engine.Why(traceID(4))
		require.Equal(t, []any{stateDropped, "health"}, []any{y.State, y.Policy})
		y = w.engine.Why(traceID(3))
		require.Equal(t, []any{stateKept, "rescued", "errors", uint32(2)}, []any{y.State, y.Reason, y.Policy, y.SpansKept})
		require.False(t, y.ThresholdKnown)

		time.Sleep(40 * time.Second)
		y = w.engine.Why(traceID(1))
		require.Equal(t, []any{stateKept, "decided", "errors", uint32(2)}, []any{y.State, y.Reason, y.Policy, y.SpansSeen})
		require.Equal(t, []string{"shop"}, y.Services)
		require.Nil(t, y.Policies)
		require.Equal(t, stateDropped, w.engine.Why(traceID(2)).State)
		require.Equal(t, stateKept, w.engine.Why(traceID(3)).State)
		require.NoError(t, w.engine.ReloadPolicies(sampling.Config{Policies: []sampling.PolicyConfig{statusIs("others", "OK")}}))
		time.Sleep(time.Second)
		require.Equal(t, "errors", w.engine.Why(traceID(1)).Policy, "policies of before keep their names")
		w.out()
	})
}

func TestKeptSpansTellWhyTheyAreHere(t *testing.T) {
	for _, mode := range []string{sampling.AnnotateNone, sampling.AnnotateRoot, sampling.AnnotateAll} {
		synctest.Test(t, func(t *testing.T) {
			got := map[string]map[string]any{}
			w := newWorld(t, func(s *Settings) {
				s.Config.Sampling.Policies = []sampling.PolicyConfig{statusIs("errors", "ERROR")}
				s.Config.Sampling.AnnotateSpans = mode
				s.SendTraces = func(_ context.Context, request []byte, _ int) error {
					td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
					for _, rs := range td.ResourceSpans().All() {
						for _, sp := range rs.ScopeSpans().At(0).Spans().All() {
							got[sp.SpanID().String()] = sp.Attributes().AsRaw()
						}
					}
					return err
				}
			})
			send := func(parent bool, spans ...testSpan) {
				td := ptrace.NewTraces()
				ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
				for _, s := range spans {
					w.serial++
					sp := ss.Spans().AppendEmpty()
					sp.SetTraceID(traceID(s.trace))
					sp.SetSpanID(pcommon.SpanID{7: byte(w.serial)})
					if parent {
						sp.SetParentSpanID(pcommon.SpanID{9})
					}
					if s.failed {
						sp.Status().SetCode(ptrace.StatusCodeError)
					}
				}
				request, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
				require.NoError(t, err)
				w.must(request)
			}
			send(true, testSpan{trace: 1, failed: true}, testSpan{trace: 2}) // 1, 2
			send(false, testSpan{trace: 1})                                  // 3: the root
			time.Sleep(11 * time.Second)
			send(true, testSpan{trace: 1})               // 4: late
			send(true, testSpan{trace: 2, failed: true}) // 5: rescues 2
			time.Sleep(time.Second)
			w.cancel()
			<-w.ran
			require.Zero(t, w.engine.Drain(t.Context()))
			w.engine.Close()
			require.Len(t, got, 5)
			id := func(n byte) string { return pcommon.SpanID{7: n}.String() }
			decided := map[string]any{"sampling.policy": "errors", "sampling.reason": "decided", "sampling.spans.seen": int64(2), "sampling.spans.kept": int64(2)}
			late := map[string]any{"sampling.policy": "errors", "sampling.reason": "late"}
			rescued := map[string]any{"sampling.policy": "errors", "sampling.reason": "rescued", "sampling.spans.seen": int64(2), "sampling.spans.kept": int64(2)}
			none := map[string]any{}
			want := map[string]map[string]any{id(1): decided, id(3): decided, id(4): late, id(2): rescued, id(5): rescued}
			switch mode {
			case sampling.AnnotateRoot:
				want[id(1)], want[id(5)] = none, none
			case sampling.AnnotateNone:
				want = map[string]map[string]any{id(1): none, id(2): none, id(3): none, id(4): none, id(5): none}
			}
			require.Equal(t, want, got)
		})
	}
}
