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
	// GRPC and HTTP take OTLP, Prometheus answers queries, and Traces serves kept traces.
	GRPC, HTTP, Prometheus, Traces string
}

// StartStandalone starts it with its data in a folder, and with further configurations laid over the shipped one.
func StartStandalone(t testing.TB, data string, further ...string) *Standalone {
	t.Helper()
	s := &Standalone{GRPC: FreeAddress(t), HTTP: FreeAddress(t), Prometheus: FreeAddress(t), Traces: FreeAddress(t)}
	health, telemetry := FreeAddress(t), FreeAddress(t)
	_, port, err := net.SplitHostPort(telemetry)
	if err != nil {
		t.Fatal(err)
	}
	site := fmt.Sprintf(`
receivers:
  otlp_slo:
    protocols: {grpc: {endpoint: %s}, http: {endpoint: %s}}
    sampling: {decision_wait: 1s, decision_wait_min: 1s, rescue_window: 0s}
    red: {metrics_flush_interval: 1s}
    coverage: {open_after: 0s}
exporters:
  prometheus_remote_write: {endpoint: "http://%s/api/v1/write"}
  trace_store: {http: {endpoint: %s}}
extensions:
  embedded_prometheus: {http: {endpoint: %s}}
  health_check: {endpoint: %s}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %s}}}}]}}}
`, s.GRPC, s.HTTP, s.Prometheus, s.Traces, s.Prometheus, health, port)
	args := []string{"--config", filepath.Join(Root(t), "configs", "standalone.yaml")}
	for _, config := range append([]string{site}, further...) {
		args = append(args, "--config", WriteFile(t, "site.yaml", config))
	}
	o := proc.Options{Args: args, Env: []string{"DATA_DIR=" + data, "MEMORY_LIMIT_MIB=256"}}
	s.Collector = RunCollector(t, o, telemetry, s.GRPC, s.HTTP, s.Prometheus, s.Traces)
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
