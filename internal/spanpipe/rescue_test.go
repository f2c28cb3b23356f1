package spanpipe

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/ottlcondition"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// rescues are policies that a late span satisfies, and that span; the traces that it joins have four spans without anything.
var rescues = []struct {
	policy sampling.PolicyConfig
	late   anySpan
}{
	{statusIs("rescue", "ERROR"), anySpan{status: 2}},
	{textIs("rescue", "text", "x"), anySpan{text: "x"}},
	{sampling.PolicyConfig{Name: "rescue", Type: "trace_flags"}, anySpan{flags: 1}},
	{sampling.PolicyConfig{Name: "rescue", Type: "span_count", SpanCount: &sampling.SpanCountConfig{MinSpans: 5}}, anySpan{}},
	{
		sampling.PolicyConfig{Name: "rescue", Type: "trace_state", TraceState: &sampling.TraceStateConfig{Key: "vendor", Values: []string{"1"}}},
		anySpan{state: "vendor=1"},
	},
	{sampling.PolicyConfig{Name: "rescue", Type: "latency", Latency: &sampling.LatencyConfig{ThresholdMs: 100}}, anySpan{end: 1_700_000_000_200_000_000}},
	{sampling.PolicyConfig{Name: "rescue", Type: "ottl_condition", OTTLCondition: &sampling.OTTLConditionConfig{
		SpanEvent: []string{`spanevent.name == "exception"`},
	}}, anySpan{event: "exception"}},
}

// rescueWorld is traffic of which one trace in a hundred gets a late span, 1 to 30 s after its decision.
type rescueWorld struct {
	t      *testing.T
	engine *Engine
	rng    *rand.Rand
	late   anySpan
	// traces are the spans of those that a late span joins, due by the tick at which it comes.
	traces []anyTrace
	due    map[int][]int
	// reasons are by trace id, of each of its spans that came out.
	reasons map[string][]string
	sent    int
}

const (
	rescueTicks = 1200 // of tickInterval: a minute
	rescueRate  = 10   // traces a tick
)

// TestRescue: one trace in a hundred gets its error, or what else it would have been kept for, 1 to 30 s after it was dropped. Nearly all
// of them come out whole while the rescue window lasts, and are told apart.
func TestRescue(t *testing.T) {
	for _, r := range rescues {
		t.Run(r.policy.Type, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &rescueWorld{t: t, rng: rand.New(rand.NewPCG(4, 4)), late: r.late, due: map[int][]int{}, reasons: map[string][]string{}}
				w.run(r.policy)
			})
		})
	}
}

func (w *rescueWorld) run(policy sampling.PolicyConfig) {
	t := w.t
	s := Settings{
		Config: DefaultConfig(), Limits: MemoryLimits{Buffers: 256 * mib}, NoRED: true, WriterID: "test", Start: time.Now(),
		Conditions: ottlcondition.Compiler(component.TelemetrySettings{Logger: zap.NewNop()}),
	}
	s.Config.Sampling.Policies = []sampling.PolicyConfig{policy}
	s.Config.Sampling.AnnotateSpans = sampling.AnnotateAll
	s.SendTraces = w.take
	var err error
	w.engine, err = New(s)
	require.NoError(t, err)
	for tick := range rescueTicks + 45*20 {
		var spans []anySpan
		if tick < rescueTicks {
			for n, trace := range randomTraces(w.rng, rescueRate) {
				spans = append(spans, w.plain(trace.id)...)
				if (tick*rescueRate+n)%100 == 0 {
					w.willBeLate(trace.id, tick)
				}
			}
		}
		for _, n := range w.due[tick] {
			spans = append(spans, w.lateSpan(n))
		}
		w.send(spans)
		time.Sleep(tickInterval)
		w.engine.tick(time.Now())
		w.engine.out.flush()
		for b := w.engine.out.next(); b != nil; b = w.engine.out.next() {
			require.NoError(t, s.SendTraces(t.Context(), b.region[:b.used], int(b.spans)))
			w.engine.counts.delivered(b)
			w.engine.out.done(b)
		}
	}
	w.check()
	w.engine.Close()
}

// plain are four spans of 10 ms that no policy matches.
func (w *rescueWorld) plain(id [16]byte) (spans []anySpan) {
	for n := range 4 {
		const start = 1_700_000_000_000_000_000
		spans = append(spans, anySpan{trace: id, id: [8]byte{1, byte(n)}, service: "a", root: n == 0, start: start, end: start + 10_000_000})
	}
	return spans
}

// willBeLate plans the late span of a trace whose first spans come at a tick. It was decided, and dropped, a tick after its time.
func (w *rescueWorld) willBeLate(id [16]byte, tick int) {
	age := 11*time.Second + time.Duration(w.rng.Int64N(int64(29*time.Second)))
	at := tick + int(age/tickInterval)
	w.due[at] = append(w.due[at], len(w.traces))
	w.traces = append(w.traces, anyTrace{id: id})
}

func (w *rescueWorld) lateSpan(n int) anySpan {
	s := w.late
	s.trace, s.id, s.service = w.traces[n].id, [8]byte{2}, "b"
	if s.end == 0 {
		s.end = 1_700_000_000_001_000_000
	}
	s.start = 1_700_000_000_000_000_000
	return s
}

func (w *rescueWorld) send(spans []anySpan) {
	if len(spans) == 0 {
		return
	}
	body := encode(w.t, spans)
	r, err := w.engine.NewRequest(len(body), time.Now())
	require.NoError(w.t, err)
	copy(r.Body(), body)
	_, err = r.Accept(time.Now())
	require.NoError(w.t, err)
	w.sent += len(spans)
}

func (w *rescueWorld) take(_ context.Context, request []byte, _ int) error {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
	if err != nil {
		return err
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				reason, _ := sp.Attributes().Get(attributeReason)
				id := sp.TraceID().String()
				w.reasons[id] = append(w.reasons[id], reason.Str())
				require.NotContains(w.t, sp.TraceState().AsRaw(), "th:", "the probability of a rescue is not known")
			}
		}
	}
	return nil
}

// check requires that the traces came out whole, nothing else did, and all is counted, by age too.
func (w *rescueWorld) check() {
	t := w.t
	whole := 0
	for _, trace := range w.traces {
		if reasons := w.reasons[trace.id.String()]; len(reasons) == 5 && reasons[0] == "rescued" {
			require.Len(t, slices.Compact(reasons), 1)
			whole++
		}
	}
	require.Len(t, w.traces, rescueTicks*rescueRate/100)
	require.GreaterOrEqual(t, whole*100, len(w.traces)*99, "%d of %d", whole, len(w.traces))
	require.Len(t, w.reasons, len(w.traces), "nothing else comes out")
	s := w.engine.Stats(time.Now())
	require.Equal(t, uint64(whole), s.Buffer.RescuedWhole)
	require.Equal(t, uint64(len(w.traces)-whole), s.Buffer.RescuedPartial)
	conserved(t, s, w.sent, int(s.DeliveredSpans+s.DeliveredLateSpans))
	ages, bounds := s.Buffer.LateByAge, tracebuf.LateAgeBounds()
	late := uint64(0)
	for i, n := range ages {
		late += n
		if i < len(bounds) && (bounds[i] <= 10_000 || bounds[i] > 60_000) {
			require.Zero(t, n, "up to %d ms", bounds[i])
		}
	}
	require.Equal(t, uint64(len(w.traces)), late)
	require.NotZero(t, ages[2], "10 to 15 s")
	require.NotZero(t, ages[5], "30 to 60 s")
	t.Logf("%d of %d came out whole; late spans by age up to %v ms: %v", whole, len(w.traces), bounds, ages)
}
