//go:build integration

package configs_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

// The shipped gateway, but for its addresses and one SLO: what comes in on either port goes where the file says, and what
// is held at a SIGTERM leaves before the end.
func TestTheGatewayRunsAsShipped(t *testing.T) {
	otlp := harness.OTLPSink(t, sink.OTLPOptions{})
	metrics := harness.RemoteWriteSink(t)
	grpc, http, debug, health, telemetry := harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t)
	site := harness.WriteFile(t, "site.yaml", fmt.Sprintf(`
receivers:
  otlp_slo:
    protocols: {grpc: {endpoint: %s}, http: {endpoint: %s}}
    debug: {http: {endpoint: %s}}
    slo: {slos: [{name: checkout, service: shop, objective: 99.9, errors: {}}]}
extensions: {health_check: {endpoint: %s}}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %s}}}}]}}}
`, grpc, http, debug, health, telemetry[len("127.0.0.1:"):]))

	gateway := harness.StartProgram(t, proc.Options{
		Path: harness.Binary(t),
		Args: []string{"--config", filepath.Join(harness.Root(t), "configs", "gateway.yaml"), "--config", site},
		Env:  []string{"OTLP_ENDPOINT=" + otlp.Address(), "PROMETHEUS_URL=" + metrics.URL(), "MEMORY_LIMIT_MIB=256"},
	}, grpc, http, telemetry)
	harness.Wait(t, 10*time.Second, "the health check says yes", func() bool { return healthy(health) })

	overGRPC := harness.Sender(t, "grpc://"+grpc, "")
	overHTTP := harness.Sender(t, "http://"+http, "application/x-protobuf")
	for signal, request := range requests(t) {
		require.Equal(t, send.OK, overGRPC.Send(t.Context(), signal, request).Code, signal.String())
		require.Equal(t, send.OK, overHTTP.Send(t.Context(), signal, request).Code, signal.String())
	}
	gateway.StopWithin(20 * time.Second)

	received := otlp.Stats()
	require.EqualValues(t, 2, received.Spans, "the failed span, sent twice")
	require.EqualValues(t, 2, received.Records)
	require.EqualValues(t, 2, metrics.Calls())
	for _, name := range []string{"orders", "slo_events_total", "traces_span_metrics_duration_milliseconds_count"} {
		require.NotEmpty(t, seriesNamed(metrics, name), name)
	}
}

func healthy(address string) bool {
	resp, err := http.Get("http://" + address + "/")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func seriesNamed(s *sink.RemoteWrite, name string) []sink.Series {
	var found []sink.Series
	for _, series := range s.Series() {
		if series.Name() == name {
			found = append(found, series)
		}
	}
	return found
}

// requests returns one request of each signal: a failed server span, a gauge and a log record.
func requests(t *testing.T) map[send.Signal][]byte {
	t.Helper()
	now := pcommon.NewTimestampFromTime(time.Now())

	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{1})
	span.SetName("POST /orders")
	span.SetKind(ptrace.SpanKindServer)
	span.SetStartTimestamp(now)
	span.SetEndTimestamp(now + 1e6)
	span.Status().SetCode(ptrace.StatusCodeError)
	traces, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)

	md := pmetric.NewMetrics()
	gauge := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	gauge.SetName("orders")
	point := gauge.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(now)
	point.SetIntValue(7)
	metrics, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(t, err)

	ld := plog.NewLogs()
	record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.Body().SetStr("order refused")
	logs, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	require.NoError(t, err)

	return map[send.Signal][]byte{send.Traces: traces, send.Metrics: metrics, send.Logs: logs}
}
