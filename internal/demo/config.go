package demo

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Addresses are where the process listens: those of standalone.yaml, each moved by the same number.
type Addresses struct {
	GRPC, HTTP, Prometheus, Traces, Health, Telemetry, Debug string
}

// AddressesAt are standalone.yaml's with an offset to every port.
func AddressesAt(offset int) Addresses {
	at := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port+offset)) }
	return Addresses{
		GRPC: at(4317), HTTP: at(4318), Prometheus: at(9090), Traces: at(3200), Health: at(13133), Telemetry: at(8888), Debug: at(8887),
	}
}

// Config is what differs from standalone.yaml, as a configuration to be put behind it: everything is decided and flushed sooner,
// data and log are in a directory of the demo's, and the shop has SLOs.
func Config(a Addresses, directory string) string {
	var slos strings.Builder
	for _, o := range objectives {
		kind := "errors: {}"
		if o.threshold > 0 {
			kind = fmt.Sprintf("latency: {threshold: %v}", o.threshold)
		}
		fmt.Fprintf(&slos, "\n        - {name: %s, service: %s, objective: %v, %s}", o.name, o.service, o.percent, kind)
	}
	_, telemetry, _ := net.SplitHostPort(a.Telemetry)
	return fmt.Sprintf(`
receivers:
  otlp_slo:
    protocols: {grpc: {endpoint: %[1]q}, http: {endpoint: %[2]q}}
    debug: {http: {endpoint: %[12]q}}
    sampling: {decision_wait: %[3]v, decision_wait_min: %[3]v, rescue_window: 30s}
    red: {metrics_flush_interval: 1s, writer_id: demo}
    coverage: {open_after: 2s}
    slo:
      files: []
      slos:%[4]s
  prometheus/self:
    config:
      scrape_configs: [{job_name: otelcol-slo, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{targets: [%[5]q]}]}]
exporters:
  prometheus_remote_write: {endpoint: "http://%[6]s/api/v1/write"}
  trace_store: {http: {endpoint: %[7]q}}
extensions:
  embedded_prometheus: {http: {endpoint: %[6]q}, directory: %[8]q}
  health_check: {endpoint: %[9]q}
service:
  telemetry:
    logs: {output_paths: [%[10]q], error_output_paths: [%[10]q]}
    metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %[11]s}}}}]}
`, a.GRPC, a.HTTP, decisionWait, slos.String(), a.Telemetry, a.Prometheus, a.Traces, directory+"/prometheus", a.Health, LogFile(directory), telemetry, a.Debug)
}

// LogFile is where the collector in the process logs to.
func LogFile(directory string) string { return directory + "/otelcol-slo.log" }
