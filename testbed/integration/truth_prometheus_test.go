//go:build integration

package integration

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

const (
	remoteWrite1 = "prometheus.WriteRequest"
	remoteWrite2 = "io.prometheus.write.v2.Request"
)

// redMetrics are calls and durations as Prometheus knows them.
var redMetrics = []string{
	"traces_span_metrics_calls_total",
	"traces_span_metrics_duration_milliseconds_bucket",
	"traces_span_metrics_duration_milliseconds_count",
	"traces_span_metrics_duration_milliseconds_sum",
}

// What PromQL answers is the truth, and so is increase() over the whole run, whatever the version of remote write, and also
// where Prometheus makes a zero of each start timestamp of its own.
func TestPrometheusAnswersTheTruth(t *testing.T) {
	for _, c := range []struct {
		name, message string
		features      []string
	}{
		{"1.0", remoteWrite1, nil},
		{"2.0", remoteWrite2, nil},
		{"2.0 with start timestamps", remoteWrite2, []string{"created-timestamp-zero-ingestion"}},
	} {
		for _, d := range datasets(t) {
			t.Run(c.name+"/"+d.Name, func(t *testing.T) {
				t.Parallel()
				data := read(t, d)
				prometheus := harness.StartPrometheus(t, c.features...)
				g := newTruthGateway(data.red.Bounds)
				g.remoteWrite, g.protobufMessage = prometheus.RemoteWriteURL(), c.message
				g.start(t)
				play(t, data.rec, "grpc://"+g.grpc, speedFor(data.rec, 3*time.Second))
				g.collector.StopWithin(20 * time.Second)

				at := lastFlush(t, prometheus, "")
				require.NoError(t, data.red.Diff(queryRED(t, prometheus, data.red.Bounds, at, "%s"), sumTolerance))
				require.NoError(t, data.red.Diff(increaseRED(t, prometheus, data.red.Bounds, at, ""), sumTolerance))
				checkKept(t, data.traces, g)
			})
		}
	}
}

// lastFlush is the time of the newest samples of all series that a selector ("" is all) selects; they must have the same.
func lastFlush(t *testing.T, p *harness.Prometheus, selector string) time.Time {
	t.Helper()
	at := 0.0
	for _, name := range redMetrics {
		for _, extreme := range []string{"min", "max"} {
			got := p.Query(fmt.Sprintf("%s(timestamp(%s{%s}))", extreme, name, selector), time.Now())
			require.Len(t, got, 1, name)
			if at == 0 {
				at = got[0].Value
			}
			require.Equal(t, at, got[0].Value, "%s of %s", extreme, name)
		}
	}
	return time.UnixMilli(int64(math.Round(at * 1000)))
}

// increaseRED reads increase() since before the first sample.
//
// Prometheus guesses what happens between the range's ends and the samples next to them, so the figure is exact only where
// there is nothing to guess: towards the start it never guesses below 0, and the first sample is 0; at the end the range
// must end with the last sample, so at must be its time.
func increaseRED(t *testing.T, p *harness.Prometheus, bounds []time.Duration, at time.Time, selector string) *truth.RED {
	t.Helper()
	return queryRED(t, p, bounds, at, "increase(%s{"+selector+"}[1h])")
}

// queryRED evaluates an expression of one series (%s is its name) for calls and durations, and adds up the answers.
func queryRED(t *testing.T, p *harness.Prometheus, bounds []time.Duration, at time.Time, expression string) *truth.RED {
	t.Helper()
	red := truth.NewRED(bounds)
	for _, name := range redMetrics {
		for _, s := range p.Query(strings.ReplaceAll(expression, "%s", name), at) {
			if !strings.HasSuffix(name, "_sum") {
				require.Equal(t, math.Trunc(s.Value), s.Value, "%s of %v is no whole number", name, s.Labels)
			}
			s.Labels["__name__"] = name
			require.NoError(t, sink.AddRED(red, s.Labels, s.Value))
		}
	}
	return red
}
