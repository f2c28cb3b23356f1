package spanpipe

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
)

// sendTo sends traces of one span to a service, as many of them bad, and returns their ids.
func (w *world) sendTo(service string, good, bad int) (goodIDs, badIDs []string) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", service)
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range good + bad {
		sp := spans.AppendEmpty()
		var trace pcommon.TraceID
		binary.BigEndian.PutUint64(trace[:], w.rng.Uint64())
		binary.BigEndian.PutUint64(trace[8:], w.rng.Uint64())
		span := pcommon.SpanID{1}
		sp.SetTraceID(trace)
		sp.SetSpanID(span)
		sp.SetKind(ptrace.SpanKindServer)
		id := trace.String() + span.String()
		w.accepted[id] = true
		if i < good {
			goodIDs = append(goodIDs, id)
			continue
		}
		sp.Status().SetCode(ptrace.StatusCodeError)
		badIDs = append(badIDs, id)
	}
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(w.t, err)
	_, err = w.send(b)
	require.NoError(w.t, err)
	return goodIDs, badIDs
}

// TestWhileABudgetBurnsItsServiceIsKeptAtTheRaisedRateAndComesBackDown: the whole path, from events to what is kept.
func TestWhileABudgetBurnsItsServiceIsKeptAtTheRaisedRateAndComesBackDown(t *testing.T) {
	for name, test := range map[string]struct {
		spansPerSecond int64
		raised         float64
	}{
		"without a limit": {0, 0.2},
		"within a budget": {1, 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(s *Settings) {
					s.Config.SLO.SLOs = []slo.SLO{{Name: "errors", Service: "*", Objective: 99, Errors: &slo.Errors{}}}
					s.Config.Sampling.Policies = []sampling.PolicyConfig{
						{Name: "slo", Type: "slo", SLO: &sampling.SLOConfig{Burning: &sampling.SLOBurningConfig{SpansPerSecond: &test.spansPerSecond}}},
						{Name: "baseline", Type: "probabilistic", Probabilistic: &sampling.ProbabilisticConfig{SamplingPercentage: 1}},
					}
				})
				ids := map[string][]string{} // by kind
				note := func(kind string, list []string) { ids[kind] = append(ids[kind], list...) }
				seconds := func(n, good, bad int) (burnt int) {
					for range n {
						kind := "good"
						if s := w.engine.Stats(time.Now()); s.Burning[0].Services > 0 {
							kind = "good while it burns"
							burnt++
						}
						goodIDs, badIDs := w.sendTo("shop", good, bad)
						note(kind, goodIDs)
						note("bad", badIDs)
						goodIDs, _ = w.sendTo("cart", 10, 0)
						note("other", goodIDs)
						time.Sleep(time.Second)
					}
					return burnt
				}
				require.Zero(t, seconds(600, 20, 0))
				burnt := seconds(900, 10, 10)
				require.InDelta(t, 900-243, burnt, 10, "243 s until 14.4 %% of all are bad")
				require.Less(t, seconds(600, 10, 0), 330)
				require.Zero(t, seconds(300, 20, 0), "it has come back down")
				time.Sleep(time.Minute)
				w.end()
				kept := func(kind string) float64 {
					n := 0
					for _, id := range ids[kind] {
						n += w.sink.spans[id]
					}
					return float64(n) / float64(len(ids[kind]))
				}
				require.Equal(t, 1., kept("bad"))
				require.InDelta(t, test.raised, kept("good while it burns"), 0.02)
				require.InDelta(t, 0.01, kept("good"), 0.003)
				require.InDelta(t, 0.01, kept("other"), 0.003)
				w.engine.Close()
			})
		})
	}
}
