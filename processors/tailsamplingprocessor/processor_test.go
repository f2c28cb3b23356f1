package tailsamplingprocessor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
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
