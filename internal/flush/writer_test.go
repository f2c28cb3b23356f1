package flush

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

var start = time.Unix(1_700_000_000, 0)

// points writes a flush between two seconds and returns its points as "metric value at second, from second {labels}".
func points(t *testing.T, last, now int, write func(w *Writer)) []string {
	t.Helper()
	second := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	w := NewWriter("scope", second(last), second(now))
	write(w)
	md := pmetric.NewMetrics()
	w.MoveTo(md, "gateway-0")
	if md.ResourceMetrics().Len() == 0 {
		return nil
	}
	rm := md.ResourceMetrics().At(0)
	require.Equal(t, map[string]any{"service.name": "otelcol-slo", "service.instance.id": "gateway-0"}, rm.Resource().Attributes().AsRaw())
	sm := rm.ScopeMetrics().At(0)
	require.Equal(t, "scope", sm.Scope().Name())
	since := func(at pcommon.Timestamp) int { return int(at.AsTime().Sub(start) / time.Second) }
	var out []string
	for _, m := range sm.Metrics().All() {
		for _, dp := range PointsOf(m).All() {
			line := fmt.Sprintf("%s %v at %d", m.Name(), dp.DoubleValue()+float64(dp.IntValue()), since(dp.Timestamp()))
			if dp.Flags().NoRecordedValue() {
				line = fmt.Sprintf("%s ends at %d", m.Name(), since(dp.Timestamp()))
			}
			if dp.StartTimestamp() != 0 {
				line += fmt.Sprintf(", from %d", since(dp.StartTimestamp()))
			}
			out = append(out, line+fmt.Sprint(" ", dp.Attributes().AsRaw()))
		}
	}
	return out
}

func TestACounterBeginsWithAZeroAndKeepsItsStart(t *testing.T) {
	var a Announced
	count := func(value uint64) func(w *Writer) {
		return func(w *Writer) { w.Counter("calls", "1", "").Count(&a, value, "service", "shop", "empty", "") }
	}
	require.False(t, a.Live())
	require.Equal(t, []string{
		"calls 0 at 10, from 10 map[service:shop]", "calls 3 at 20, from 10 map[service:shop]",
	}, points(t, 10, 20, count(3)))
	require.True(t, a.Live())
	require.Equal(t, []string{"calls 5 at 30, from 10 map[service:shop]"}, points(t, 20, 30, count(5)))
	require.Equal(t, []string{"calls ends at 40 map[service:shop]"}, points(t, 30, 40, func(w *Writer) {
		w.Counter("calls", "1", "").EndCount(&a, "service", "shop")
	}))
	require.False(t, a.Live())
	require.Equal(t, []string{"calls 6 at 60, from 10 map[service:shop]"}, points(t, 50, 60, count(6)), "it goes on")
}

func TestASeriesThatAnotherGoesOnWithDoesNotEnd(t *testing.T) {
	require.Equal(t, []string{
		"gap 1 at 20 map[kind:a]", "gap ends at 20 map[kind:b]", "other ends at 20 map[kind:a]",
	}, points(t, 10, 20, func(w *Writer) {
		gap, other := w.Gauge("gap", "1", ""), w.Gauge("other", "1", "")
		gap.End("kind", "a")
		gap.End("kind", "b")
		gap.End("kind", "b")
		other.End("kind", "a")
		gap.Set(1, "kind", "a")
	}))
}

func TestMetricsWithoutPointsAreLeftOut(t *testing.T) {
	require.Empty(t, points(t, 10, 20, func(w *Writer) { w.Counter("calls", "1", "") }))
	require.Zero(t, PointsOf(pmetric.NewMetric()).Len())
}
