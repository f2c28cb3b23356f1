package harness

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

// Standalone is the binary with configs/standalone.yaml, on addresses and with times of the test's own: all that is
// decided or written comes within seconds.
type Standalone struct {
	*Collector
	// GRPC and HTTP take OTLP, Prometheus answers queries, Traces serves kept traces, and Telemetry its own metrics.
	GRPC, HTTP, Prometheus, Traces, Telemetry string
	// Args are the configurations that it is started with.
	Args []string
}

// NewStandalone chooses its addresses, and lays further configurations over the shipped one. It does not run.
func NewStandalone(t testing.TB, further ...string) *Standalone {
	t.Helper()
	s := &Standalone{
		GRPC: FreeAddress(t), HTTP: FreeAddress(t), Prometheus: FreeAddress(t), Traces: FreeAddress(t), Telemetry: FreeAddress(t),
	}
	_, port, err := net.SplitHostPort(s.Telemetry)
	if err != nil {
		t.Fatal(err)
	}
	site := fmt.Sprintf(`
receivers:
  otlp_slo:
    protocols: {grpc: {endpoint: %s}, http: {endpoint: %s}}
    debug: {http: {endpoint: "127.0.0.1:0"}}
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
`, s.GRPC, s.HTTP, s.Telemetry, s.Prometheus, s.Traces, s.Prometheus, FreeAddress(t), port)
	s.Args = []string{"--config", filepath.Join(Root(t), "configs", "standalone.yaml")}
	for _, config := range append([]string{site}, further...) {
		s.Args = append(s.Args, "--config", WriteFile(t, "site.yaml", config))
	}
	return s
}

// StartStandalone starts it with its data in a folder, and with further configurations laid over the shipped one.
func StartStandalone(t testing.TB, data string, further ...string) *Standalone {
	t.Helper()
	s := NewStandalone(t, further...)
	o := proc.Options{Args: s.Args, Env: []string{"DATA_DIR=" + data, "MEMORY_LIMIT_MIB=256"}}
	s.Collector = RunCollector(t, o, s.Telemetry, s.GRPC, s.HTTP, s.Prometheus, s.Traces)
	return s
}

// Trace reads a kept trace the way Grafana reads it from Tempo; false where it is not there.
func (s *Standalone) Trace(id string) (ptrace.Traces, bool) {
	s.t.Helper()
	body, err := get(s.t.Context(), "http://"+s.Traces+"/api/traces/"+id)
	if err != nil {
		return ptrace.Traces{}, false
	}
	var trace struct {
		Batches json.RawMessage `json:"batches"`
	}
	if err := json.Unmarshal([]byte(body), &trace); err != nil {
		s.t.Fatalf("cannot read trace %s: %v\n%s", id, err, body)
	}
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(fmt.Appendf(nil, `{"resourceSpans":%s}`, trace.Batches))
	if err != nil {
		s.t.Fatalf("cannot read trace %s: %v\n%s", id, err, body)
	}
	return td, true
}
