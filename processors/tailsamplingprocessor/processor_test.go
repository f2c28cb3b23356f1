package tailsamplingprocessor

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const errorsOnly = `{decision_wait: 10s, rescue_window: 0s, policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]}`

func TestKeptTracesComeOutWholeAtTheirDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, errorsOnly)
		r.mustTake(t, trace(1, 3, true))
		r.mustTake(t, trace(2, 4, false))
		time.Sleep(9 * time.Second)
		r.mustTake(t, trace(1, 2, false))
		require.Empty(t, r.sink.spans())
		time.Sleep(2 * time.Second)
		require.Equal(t, map[byte]int{1: 5}, r.sink.spans())
		require.EqualValues(t, 9, r.figure(t, "accepted_spans"))
		require.EqualValues(t, 5, r.figure(t, "spans", "outcome", "delivered"))
		require.EqualValues(t, 4, r.figure(t, "spans", "outcome", "dropped"))
		r.end(t)
	})
}

func TestASpanComesOutAsItCameIn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, errorsOnly)
		td := trace(1, 1, true)
		td.ResourceSpans().At(0).SetSchemaUrl("https://schema")
		td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName("scope")
		span := spansOf(td)[0]
		span.Attributes().PutInt("a", 1)
		span.Attributes().PutEmptySlice("b").AppendEmpty().SetStr("c")
		span.Events().AppendEmpty().SetName("event")
		span.Links().AppendEmpty().SetTraceID([16]byte{7})
		span.TraceState().FromRaw("ot=th:0")
		want := ptrace.NewTraces()
		td.CopyTo(want)
		r.mustTake(t, td)
		require.Equal(t, want, td, "what came in is not changed")
		r.end(t)
		require.Len(t, r.sink.calls, 1)
		require.Equal(t, want, r.sink.calls[0].td)
	})
}

func TestARequestWithoutSpansIsTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, errorsOnly)
		r.mustTake(t, ptrace.NewTraces())
		td := ptrace.NewTraces()
		td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		r.mustTake(t, td)
		r.end(t)
		require.Empty(t, r.sink.calls)
	})
}

func TestShutdownDecidesWhatIsHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, errorsOnly)
		r.mustTake(t, trace(1, 3, true))
		r.mustTake(t, trace(2, 4, false))
		r.end(t)
		require.Equal(t, map[byte]int{1: 3}, r.sink.spans())
		require.ErrorIs(t, r.ConsumeTraces(context.Background(), trace(3, 1, true)), errShuttingDown)
		require.NoError(t, r.Shutdown(context.Background()), "once more does nothing")
	})
}

func TestDropPendingTracesOnShutdownDropsWhatIsUndecided(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{decision_wait: 10s, drop_pending_traces_on_shutdown: true, policies: [{name: all, type: always_sample}]}`)
		r.mustTake(t, trace(1, 3, false))
		time.Sleep(11 * time.Second)
		r.mustTake(t, trace(1, 1, false)) // late, of a kept trace
		r.mustTake(t, trace(2, 4, true))
		r.mustTake(t, trace(3, 2, true))
		r.end(t)
		require.Equal(t, map[byte]int{1: 4}, r.sink.spans())
		told := r.logs.FilterMessageSnippet("dropped undecided traces").All()
		require.Len(t, told, 1)
		require.EqualValues(t, 2, told[0].ContextMap()["traces"])
		account := r.logs.FilterMessage("what became of accepted spans").All()[0].ContextMap()
		require.EqualValues(t, 10, account["accepted"])
		require.EqualValues(t, 3, account["delivered"])
		require.EqualValues(t, 1, account["late_delivered"])
		require.EqualValues(t, 6, account["dropped"])
	})
}

func TestItShutsDownWithoutAStart(t *testing.T) {
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(componentType), createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorIs(t, p.ConsumeTraces(t.Context(), trace(1, 1, false)), errShuttingDown)
	require.NoError(t, p.Shutdown(t.Context()))
}

// The Collector's own checks of a component's life.
func TestItLivesAsAComponentDoes(t *testing.T) {
	factory := NewFactory()
	require.NoError(t, componenttest.CheckConfigStruct(factory.CreateDefaultConfig()))
	require.Equal(t, "tail_sampling", factory.Type().String())
	for range 2 {
		p, err := factory.CreateTraces(t.Context(), processortest.NewNopSettings(componentType), factory.CreateDefaultConfig(), consumertest.NewNop())
		require.NoError(t, err)
		require.False(t, p.Capabilities().MutatesData)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, p.ConsumeTraces(t.Context(), trace(1, 1, false)))
		require.NoError(t, p.Shutdown(t.Context()))
	}
}

// What was decoded before it came here is not decoded again for conditions; what is left out of a request is left out of both.
func TestConditionsAreAskedOfSpansThatWereTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{policies: [{name: asked, type: ottl_condition, ottl_condition: {error_mode: propagate, span: ['name == "wanted"']}}]}`)
		td := trace(1, 2, false)
		spansOf(td)[0].SetTraceID(pcommon.TraceID{})
		spansOf(td)[0].SetName("wanted")
		r.mustTake(t, td)
		td = trace(2, 2, false)
		spansOf(td)[1].SetName("wanted")
		r.mustTake(t, td)
		r.end(t)
		require.Equal(t, map[byte]int{2: 2}, r.sink.spans())
	})
}

func TestSpansWithoutATraceIDAreNotTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{policies: [{name: all, type: always_sample}]}`)
		td := trace(1, 3, false)
		spansOf(td)[1].SetTraceID(pcommon.TraceID{})
		r.mustTake(t, td)
		require.EqualValues(t, 2, r.figure(t, "accepted_spans"))
		require.EqualValues(t, 1, r.figure(t, "zero_trace_id_spans"))
		r.end(t)
		require.Equal(t, map[byte]int{1: 2}, r.sink.spans())
	})
}

// All that is taken is somewhere, whatever comes of it.
func TestSpansAreConserved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var calls atomic.Int64
		next := &sink{answer: func(context.Context) error {
			switch calls.Add(1) % 5 {
			case 0:
				return errors.New("not now")
			case 1:
				return consumererror.NewPermanent(errors.New("never"))
			}
			return nil
		}}
		r := startInFrontOf(t, `{decision_wait: 2s, rescue_window: 3s, maximum_trace_size_bytes: 500, policies: [
			{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}, {name: slow, type: latency, latency: {threshold_ms: 50}}]}`, next)
		rng := rand.New(rand.NewPCG(1, 2))
		taken := int64(0)
		for range 2000 {
			spans := rng.IntN(5) + 1
			r.mustTake(t, trace(byte(rng.IntN(100)), spans, rng.IntN(50) == 0))
			taken += int64(spans)
			synctest.Wait() // figures of one moment
			require.Equal(t, taken, r.outcomes(t))
			time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
		}
		require.Equal(t, taken, r.figure(t, "accepted_spans"))
		for _, outcome := range []string{"delivered", "late_delivered", "dropped", "late_dropped", "truncated", "send_failed"} {
			require.Positive(t, r.figure(t, "spans", "outcome", outcome), outcome)
		}
		r.end(t)
		account := r.logs.FilterMessage("what became of accepted spans").All()[0].ContextMap()
		sum := uint64(0)
		for name, figure := range account {
			if name != "accepted" {
				sum += figure.(uint64)
			}
		}
		require.EqualValues(t, taken, sum)
	})
}

// Requests come from many goroutines, and go on while the processor ends.
func TestShutdownInMidLoadLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{policies: [{name: all, type: always_sample}]}`)
		var taken atomic.Int64
		var senders sync.WaitGroup
		for i := range byte(8) {
			senders.Go(func() {
				for {
					if err := r.ConsumeTraces(context.Background(), trace(i, 2, false)); err != nil {
						assert.ErrorIs(t, err, errShuttingDown)
						return
					}
					taken.Add(2)
					time.Sleep(time.Millisecond)
				}
			})
		}
		time.Sleep(time.Second)
		r.end(t)
		senders.Wait()
		delivered := 0
		for _, n := range r.sink.spans() {
			delivered += n
		}
		require.EqualValues(t, taken.Load(), delivered)
	})
}

func TestSeveralProcessorsWithoutALimitAreToldOf(t *testing.T) {
	bubble(t, func(t *testing.T) {
		one, two := start(t, `{}`), start(t, `{}`)
		for _, r := range []*running{one, two} {
			require.Empty(t, r.logs.FilterMessageSnippet("half of the memory").All(), "tests have a limit")
		}
		cfg := createDefaultConfig().(*Config)
		core, logs := observer.New(zap.WarnLevel)
		set := processortest.NewNopSettings(componentType)
		set.Logger = zap.New(core)
		p := newProcessor(cfg, set, one.sink)
		require.NoError(t, p.Start(context.Background(), componenttest.NewNopHost()))
		require.NoError(t, p.Shutdown(context.Background()))
		require.EqualValues(t, 3, logs.FilterMessageSnippet("half of the memory").All()[0].ContextMap()["processors"])
	})
}
