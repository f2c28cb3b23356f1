//go:build integration

package configs_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

// standalone is the shipped file, but for its addresses and times.
type standalone struct {
	*harness.Program
	grpc, prometheus, traces string
}

func startStandalone(t *testing.T, data string) standalone {
	t.Helper()
	s := standalone{grpc: harness.FreeAddress(t), prometheus: harness.FreeAddress(t), traces: harness.FreeAddress(t)}
	http, debug, health, telemetry := harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t)
	site := harness.WriteFile(t, "site.yaml", fmt.Sprintf(`
receivers:
  otlp_slo:
    protocols: {grpc: {endpoint: %s}, http: {endpoint: %s}}
    debug: {http: {endpoint: %s}}
    sampling: {decision_wait: 1s, decision_wait_min: 1s, rescue_window: 0s}
    red: {metrics_flush_interval: 1s}
    coverage: {open_after: 0s}
  prometheus/self:
    config: {scrape_configs: [{job_name: otelcol-slo, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{targets: [%q]}]}]}
exporters:
  prometheus_remote_write: {endpoint: "http://%s/api/v1/write"}
  trace_store: {http: {endpoint: %s}}
extensions:
  embedded_prometheus: {http: {endpoint: %s}}
  health_check: {endpoint: %s}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %s}}}}]}}}
`, s.grpc, http, debug, telemetry, s.prometheus, s.traces, s.prometheus, health, telemetry[len("127.0.0.1:"):]))
	s.Program = harness.StartProgram(t, proc.Options{
		Path: harness.Binary(t),
		Args: []string{"--config", filepath.Join(harness.Root(t), "configs", "standalone.yaml"), "--config", site},
		Env:  []string{"DATA_DIR=" + data, "MEMORY_LIMIT_MIB=256"},
	}, s.grpc, http, s.prometheus, s.traces, telemetry)
	return s
}

// One process takes the three signals, and shows what it made of them; its metrics are there again after it was killed.
func TestStandaloneShowsWhatItTook(t *testing.T) {
	data := t.TempDir()
	s := startStandalone(t, data)
	sender := harness.Sender(t, "grpc://"+s.grpc, "")
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
		"orders":                                    7,
		"otelcol_otlp_slo_accepted_spans_total":     1,
		`observability_gap_open{gap_kind="no_slo"}`: 1,
		`observability_coverage_traces_total{coverage_state="looked_at"}`: 1,
	}
	for promql, want := range queries {
		harness.Wait(t, 20*time.Second, promql, has(s.prometheus, promql, want))
	}
	trace := harness.Get(t, "http://"+s.traces+"/api/traces/01000000000000000000000000000000")
	require.Contains(t, trace, "POST /orders")
	harness.Wait(t, 10*time.Second, "the gap is printed", func() bool {
		return strings.Contains(s.LogTail(64<<10), "shop answers requests that no SLO counts")
	})
	require.NotContains(t, s.LogTail(64<<10), "order refused", "logs that come in are not printed")

	s.Crash()
	again := startStandalone(t, data)
	for promql := range queries {
		require.NotEmpty(t, harness.PrometheusAt(t, again.prometheus).Query("last_over_time("+promql+"[1h])", time.Now()), promql)
	}
	again.StopWithin(20 * time.Second)
}

// Without a configuration the binary has this one.
func TestStandaloneIsTheDefault(t *testing.T) {
	out, err := exec.Command(harness.Binary(t), "validate").CombinedOutput()
	require.NoError(t, err, string(out))
}
