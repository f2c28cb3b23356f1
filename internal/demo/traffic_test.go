package demo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// All spans that were counted are sent, once, by their own service, when they ended; and none comes after closing that belongs to
// a new request.
func TestSpansAreSentWhenTheyEnded(t *testing.T) {
	counts := NewCounts()
	now := noon
	seen := map[[8]byte]bool{}
	traces := map[[16]byte]bool{}
	traffic := NewTraffic(NewShop(1), counts, 50, func(_ context.Context, td ptrace.Traces) error {
		for _, rs := range td.ResourceSpans().All() {
			service, _ := rs.Resource().Attributes().Get("service.name")
			require.NotEqual(t, "pricing", service.Str())
			for _, s := range rs.ScopeSpans().At(0).Spans().All() {
				require.NotContains(t, seen, [8]byte(s.SpanID()))
				seen[s.SpanID()], traces[s.TraceID()] = true, true
				age := now.Sub(s.EndTimestamp().AsTime())
				require.True(t, age >= 0 && age <= 100*time.Millisecond, "%v", age)
				require.Equal(t, s.ParentSpanID().IsEmpty() || s.Kind() == ptrace.SpanKindClient || s.Kind() == ptrace.SpanKindProducer, s.Flags() == 0x100)
			}
		}
		return nil
	})
	require.NoError(t, traffic.Step(t.Context(), now))
	require.True(t, traffic.Idle(), "it is closed")
	traffic.Open(now)
	for range 200 {
		now = now.Add(50 * time.Millisecond)
		require.NoError(t, traffic.Step(t.Context(), now))
	}
	traffic.Close(now)
	require.False(t, traffic.Idle())
	for !traffic.Idle() {
		now = now.Add(50 * time.Millisecond)
		require.NoError(t, traffic.Step(t.Context(), now))
	}
	require.Equal(t, 10*time.Second, counts.open)
	require.Equal(t, 500, counts.traces)
	require.Len(t, traces, 500)
	require.Len(t, seen, counts.spans)
	require.NotZero(t, traffic.failed)
	require.NotZero(t, traffic.timedOut)
}

func TestWhatCanNotBeSentEndsTraffic(t *testing.T) {
	traffic := NewTraffic(NewShop(1), NewCounts(), 50, func(context.Context, ptrace.Traces) error { return errors.New("refused") })
	traffic.Open(noon)
	err := traffic.Step(t.Context(), noon.Add(time.Second))
	require.ErrorContains(t, err, "cannot send the spans of")
	require.ErrorContains(t, err, "refused")
}

func TestProgressIsALineThatChangesOrLinesNowAndThen(t *testing.T) {
	for terminal, want := range map[bool]string{true: clearLine + "0" + clearLine + "200" + clearLine + "400" + clearLine, false: "0\n"} {
		var b strings.Builder
		p := NewProgress(&b, terminal)
		now := noon
		p.now = func() time.Time { return now }
		for i := range 6 {
			p.Show("%d", 100*i)
			now = now.Add(100 * time.Millisecond)
		}
		p.Clear()
		require.Equal(t, want, b.String())
	}
}
