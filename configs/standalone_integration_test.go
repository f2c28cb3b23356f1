//go:build integration

package configs_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

// One process takes the three signals, and shows what it made of them; its metrics are there again after it was killed.
func TestStandaloneShowsWhatItTook(t *testing.T) {
	data := t.TempDir()
	s := harness.StartStandalone(t, data)
	sender := harness.Sender(t, "grpc://"+s.GRPC, "")
	for signal, request := range requests(t) {
		require.Equal(t, send.OK, sender.Send(t.Context(), signal, request).Code, signal.String())
	}
	has := func(address, promql string, want float64) func() bool {
		prometheus := harness.PrometheusAt(t, address)
		return func() bool {
			found := prometheus.Query(promql, time.Now())
			return len(found) == 1 && found[0].Value == want
		}
	}
	queries := map[string]float64{
		"traces_span_metrics_calls_total":           1,
		"otelcol_otlp_slo_accepted_spans_total":     1,
		"orders":                                    7,
		`observability_gap_open{gap_kind="no_slo"}`: 1,

		`observability_coverage_traces_total{coverage_state="looked_at"}`: 1,
	}
	for promql, want := range queries {
		harness.Wait(t, 20*time.Second, promql, has(s.Prometheus, promql, want))
	}
	trace := harness.Get(t, "http://"+s.Traces+"/api/traces/01000000000000000000000000000000")
	require.Contains(t, trace, "POST /orders")
	require.Contains(t, harness.Get(t, "http://"+s.Prometheus+"/api/v1/openapi.yaml"), "paths: {}")
	harness.Wait(t, 10*time.Second, "the gap is printed", func() bool {
		return strings.Contains(s.LogTail(64<<10), "shop answers requests that no SLO counts")
	})
	require.NotContains(t, s.LogTail(64<<10), "order refused", "logs that come in are not printed")

	s.Crash()
	again := harness.StartStandalone(t, data)
	for promql := range queries {
		require.NotEmpty(t, harness.PrometheusAt(t, again.Prometheus).Query("last_over_time("+promql+"[1h])", time.Now()), promql)
	}
	again.StopWithin(20 * time.Second)
}

// Without a configuration the binary has this one.
func TestStandaloneIsTheDefault(t *testing.T) {
	out, err := exec.Command(harness.Binary(t), "validate").CombinedOutput()
	require.NoError(t, err, string(out))
}
