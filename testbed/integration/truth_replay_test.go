//go:build integration

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/dataset"
	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// Traces that are decided because their time has come, while the gateway runs; the end that follows adds nothing.
func TestTracesAreDecidedWhenTheirTimeHasCome(t *testing.T) {
	for _, d := range datasets(t) {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			data := read(t, d)
			g := newTruthGateway(data.red.Bounds)
			g.decisionWait = 10 * time.Second // longer than the replay takes
			g.start(t)
			play(t, data.rec, "grpc://"+g.grpc, 0)
			want := spansToKeep(data.traces)
			require.Zero(t, g.otlp.Spans(), "decided before their time")
			harness.Wait(t, 20*time.Second, "kept traces are delivered", func() bool { return g.otlp.Spans() >= want })
			harness.Wait(t, 5*time.Second, "all calls are written", func() bool { return g.remote.Calls() == data.red.Calls() })
			got, err := g.remote.RED(data.red.Bounds)
			require.NoError(t, err)
			require.NoError(t, data.red.Diff(got, sumTolerance))
			checkKept(t, data.traces, g)

			g.collector.StopWithin(20 * time.Second)
			require.Equal(t, want, g.otlp.Spans())
			require.Equal(t, data.red.Calls(), g.remote.Calls())
		})
	}
}

func spansToKeep(traces truth.Traces) uint64 {
	n := 0
	for _, tr := range traces {
		if tr.KeptBy(thresholdMS) {
			n += tr.Spans
		}
	}
	return uint64(n)
}

// Series that appear in different flushes: each begins with a 0 at its start, goes up only, and is told from its start on
// with the same start.
func TestEverySeriesBeginsAtZero(t *testing.T) {
	for _, version := range []struct {
		name, message string
		starts        bool
	}{
		{"1.0", remoteWrite1, false},
		{"2.0", remoteWrite2, true},
	} {
		t.Run(version.name, func(t *testing.T) {
			data := read(t, dataset.Fixture())
			g := newTruthGateway(data.red.Bounds)
			g.protobufMessage, g.flush = version.message, 100*time.Millisecond
			g.start(t)
			play(t, data.rec, "grpc://"+g.grpc, speedFor(data.rec, 3*time.Second))
			g.collector.StopWithin(20 * time.Second)

			begins := map[int64]bool{}
			for key, series := range g.remote.Series() {
				if strings.HasPrefix(series.Name(), "traces_span_metrics_") {
					begins[checkBeginsAtZero(t, key, &series, version.starts)] = true
				}
			}
			require.Greater(t, len(begins), 1, "all series came with the same flush")
			require.Zero(t, g.remote.Stats().OutOfOrder)
			require.Zero(t, g.remote.Stats().Repeated)
		})
	}
}

// checkBeginsAtZero returns the time of the series' first sample.
func checkBeginsAtZero(t *testing.T, key string, s *sink.Series, starts bool) int64 {
	t.Helper()
	first := s.Samples[0]
	require.Zero(t, first.Value, key)
	require.Greater(t, len(s.Samples), 1, key)
	last := 0.0
	for _, sample := range s.Samples {
		require.GreaterOrEqual(t, sample.Value, last, key)
		last = sample.Value
		if starts {
			require.Equal(t, first.Millis, sample.StartMillis, key)
		}
	}
	return first.Millis
}
