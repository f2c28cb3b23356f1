//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

// gateway is what a test varies in a gateway's configuration, and its addresses once it runs.
type gateway struct {
	bounds       []time.Duration
	thresholdMS  int
	decisionWait time.Duration
	rescueWindow time.Duration
	flush        time.Duration
	memoryMiB    int
	// remoteWrite is where metrics go, and protobufMessage in which version ("" is the exporter's default).
	remoteWrite     string
	protobufMessage string
	// traces is where kept traces go, a sink by default.
	traces string
	// extra is further keys of the receiver, indented by four, extraRED of its red block, indented by six, and extraPolicies
	// further items of its policies, indented by eight.
	extra, extraRED, extraPolicies string

	grpc, http, telemetry string
	otlp                  *sink.OTLP
	remote                *sink.RemoteWrite
	collector             *harness.Collector
}

// start starts sinks and a gateway that writes to them.
func (g *gateway) start(t *testing.T) {
	t.Helper()
	if g.traces == "" {
		g.otlp = harness.OTLPSink(t, sink.OTLPOptions{})
		g.traces = g.otlp.Address()
	}
	if g.remoteWrite == "" {
		g.remote = harness.RemoteWriteSink(t)
		g.remoteWrite = g.remote.URL()
	}
	g.grpc, g.http, g.telemetry = harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t)
	g.collector = harness.StartCollector(t, g.config(), g.telemetry, g.grpc, g.http)
}

func (g *gateway) config() string {
	buckets := make([]string, len(g.bounds))
	for i, b := range g.bounds {
		buckets[i] = b.String()
	}
	message := ""
	if g.protobufMessage != "" {
		message = "\n    protobuf_message: " + g.protobufMessage
	}
	host, port, _ := strings.Cut(g.telemetry, ":")
	return fmt.Sprintf(`
receivers:
  otlp_slo:
    protocols:
      grpc: {endpoint: %s, max_recv_msg_size_mib: 64}
      http: {endpoint: %s}
    memory: {limit_mib: %d}
    sampling:
      decision_wait: %v
      rescue_window: %v
      policies:
        - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
        - {name: slow, type: latency, latency: {threshold_ms: %d}}
%s
    red:
      histogram: {explicit: {buckets: [%s]}}
      exemplars: {enabled: true}
      metrics_flush_interval: %v
%s
%s
exporters:
  otlp_grpc:
    endpoint: %s
    tls: {insecure: true}
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}
  prometheus_remote_write:
    endpoint: %s%s
service:
  telemetry:
    metrics: {readers: [{pull: {exporter: {prometheus: {host: %s, port: %s}}}}]}
  pipelines:
    traces: {receivers: [otlp_slo], exporters: [otlp_grpc]}
    metrics: {receivers: [otlp_slo], exporters: [prometheus_remote_write]}
    logs: {receivers: [otlp_slo], exporters: [otlp_grpc]}
`, g.grpc, g.http, g.memoryMiB, g.decisionWait, g.rescueWindow, g.thresholdMS, g.extraPolicies, strings.Join(buckets, ", "), g.flush, g.extraRED, g.extra,
		g.traces, g.remoteWrite, message, host, port)
}
