package spanpipe

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/ottlcondition"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
)

// withConditions has one policy, which keeps what the conditions on spans say, and knows no other policy.
func withConditions(conditions ...string) func(*Settings) {
	return func(s *Settings) {
		s.Conditions = ottlcondition.Compiler(component.TelemetrySettings{Logger: zap.NewNop()})
		s.Config.Sampling.Policies = []sampling.PolicyConfig{
			{Name: "never", Type: "probabilistic", Probabilistic: &sampling.ProbabilisticConfig{}},
			{Name: "asked", Type: "ottl_condition", OTTLCondition: &sampling.OTTLConditionConfig{ErrorMode: "propagate", Span: conditions}},
		}
	}
}

const anError = "status.code == STATUS_CODE_ERROR"

func TestALateSpanThatSatisfiesAConditionRescuesItsTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withConditions(anError))
		w.mustSend(testSpan{trace: 1}, testSpan{trace: 2}, testSpan{trace: 3}, testSpan{trace: 4, failed: true})
		time.Sleep(12 * time.Second)
		w.mustSend(testSpan{trace: 1, failed: true}, testSpan{trace: 2})
		time.Sleep(time.Minute)
		w.mustSend(testSpan{trace: 3, failed: true}) // its spans are gone: kept alone
		time.Sleep(time.Minute)
		s := w.end()
		require.Len(t, w.sink.spans, 4)
		require.Equal(t, uint64(1), s.Buffer.RescuedWhole)
		require.Equal(t, uint64(1), s.Buffer.RescuedPartial)
		require.Equal(t, []EvaluationErrors{{Policy: "asked", Spans: 0}}, s.EvaluationErrors)
		w.engine.Close()
	})
}

func TestAConditionThatFailsKeepsTheTraceAndIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withConditions(`status.code == STATUS_CODE_UNSET and ParseJSON(name) == nil`))
		w.mustSend(testSpan{trace: 1}, testSpan{trace: 1, failed: true}, testSpan{trace: 2, failed: true})
		time.Sleep(time.Minute)
		s := w.end()
		require.Len(t, w.sink.spans, 2)
		require.Equal(t, []EvaluationErrors{{Policy: "asked", Spans: 1}}, s.EvaluationErrors)
		w.engine.Close()
	})
}

func TestADecodedRequestIsNotDecodedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withConditions(`name == "only in what was handed in"`))
		send := func(n uint64, change func(*Request, ptrace.Traces)) {
			request, note := w.request(testSpan{trace: n})
			td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
			require.NoError(t, err)
			td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetName("only in what was handed in")
			r, err := w.engine.NewRequest(len(request), time.Now())
			require.NoError(t, err)
			copy(r.Body(), request)
			change(r, td)
			_, err = r.Accept(time.Now())
			require.NoError(t, err)
			require.Equal(t, ptrace.Traces{}, r.decoded, "nothing of it is kept")
			note()
		}
		send(1, (*Request).Decoded)
		send(2, func(*Request, ptrace.Traces) {}) // on the same lane
		time.Sleep(time.Minute)
		w.end()
		require.Len(t, w.sink.spans, 1)
		require.Equal(t, "ot=th:0", w.sink.state[traceID(1).String()])
		w.engine.Close()
	})
}

func TestWhereNobodyTakesTracesNoPayloadIsDecoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			withConditions(`ParseJSON(name) == nil`)(s)
			s.SendTraces = nil
		})
		request, _ := w.request(testSpan{trace: 1})
		_, err := w.send(request)
		require.NoError(t, err)
		require.Zero(t, w.engine.Stats(time.Now()).EvaluationErrors[0].Spans)
		w.cancel()
		<-w.ran
		w.engine.Close()
	})
}

// BenchmarkConditions is the pass of taking a request in, without and with policies that look at payload.
func BenchmarkConditions(b *testing.B) {
	conditions := []string{
		`span.attributes["http.response.status_code"] >= 500`,
		`resource.attributes["service.name"] == "none"`,
		`IsMatch(span.attributes["url.path"], "^/admin/")`,
	}
	for n := range len(conditions) + 1 {
		b.Run(fmt.Sprintf("policies=%d", n), func(b *testing.B) {
			s := Settings{
				Config: DefaultConfig(), Limits: MemoryLimits{Buffers: 2 << 30}, WriterID: "bench", Start: time.Now(), SendTraces: new(sink).take,
				Conditions: ottlcondition.Compiler(component.TelemetrySettings{Logger: zap.NewNop()}),
			}
			s.Config.Sampling.Policies = sampling.DefaultPolicies()
			for i, c := range conditions[:n] {
				s.Config.Sampling.Policies = append(s.Config.Sampling.Policies, sampling.PolicyConfig{
					Name: fmt.Sprint(i), Type: "ottl_condition", OTTLCondition: &sampling.OTTLConditionConfig{Span: []string{c}},
				})
			}
			e, err := New(s)
			require.NoError(b, err)
			defer e.Close()
			e.cfg.Sampling.DecisionWait, e.cfg.Sampling.RescueWindow = time.Second, 0
			templates := referenceTemplates(b, 16)
			now, round := e.start, uint64(0)
			b.ReportAllocs()
			cpu := spantest.CPU()
			for b.Loop() {
				round++
				now = now.Add(256 * time.Microsecond)
				put(b, e, templates[round%16], round, now)
				if round%200 == 0 {
					e.tick(now)
				}
				for batch := e.out.next(); batch != nil; batch = e.out.next() {
					e.out.done(batch)
				}
			}
			cpu = spantest.CPU() - cpu
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/spantest.ReferenceSpans, "cpu-ns/span")
		})
	}
}
