//go:build integration

package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

// sdkRun is a client that ran, one for each SDK, protocol and compression.
type sdkRun struct {
	language, protocol, compression string
	sent                            harness.Sent
}

func (r *sdkRun) service() string {
	name := fmt.Sprintf("%s-%s", r.language, r.protocol)
	if r.compression != "" {
		name += "-" + r.compression
	}
	return name
}

// namespace is the clients' service.namespace.
const namespace = "testbed"

// What the SDKs send with their defaults, over each protocol, with gzip and as they compress by themselves, is found again:
// traces to be kept, span by span; the metrics of all spans; their own metrics; and logs.
func TestWhatSDKsSendIsFound(t *testing.T) {
	clients := map[string]*harness.Client{"go": harness.NewClient(t, "go"), "node": harness.NewClient(t, "node")}
	var logs logKeeper
	s := harness.StartStandalone(t, t.TempDir(), fmt.Sprintf(`
exporters: {otlp_grpc/logs: {endpoint: %q, tls: {insecure: true}}}
service: {pipelines: {logs: {exporters: [otlp_grpc/logs]}}}
`, harness.OTLPSink(t, sink.OTLPOptions{OnLogs: logs.keep}).Address()))

	var runs []sdkRun
	for _, c := range []struct{ language, protocol string }{
		{"go", "grpc"},
		{"go", "http/protobuf"},
		{"node", "grpc"},
		{"node", "http/protobuf"},
		{"node", "http/json"},
	} {
		plain := sdkRun{language: c.language, protocol: c.protocol}
		zipped := sdkRun{language: c.language, protocol: c.protocol, compression: "gzip"}
		plainBytes, zippedBytes := plain.run(t, clients[c.language], s), zipped.run(t, clients[c.language], s)
		t.Logf("%s over %s: %d bytes, %d with gzip", c.language, c.protocol, plainBytes, zippedBytes)
		require.Less(t, 2*zippedBytes, plainBytes, "%s over %s with gzip", c.language, c.protocol)
		runs = append(runs, plain, zipped)
	}
	require.NotEmpty(t, s.Metrics()["otelcol_otlp_slo_refused_requests"])
	require.Zero(t, s.Sum("otelcol_otlp_slo_refused_requests"))

	prometheus := harness.PrometheusAt(t, s.Prometheus)
	for _, r := range runs {
		t.Run(r.service(), func(t *testing.T) {
			checkFoundTraces(t, s, &r)
			checkFoundRED(t, prometheus, &r)
			for _, series := range r.sent.Metrics {
				checkFoundSeries(t, prometheus, r.service(), series)
			}
			checkFoundLogs(t, &logs, &r)
		})
	}
}

// run lets a client send, and checks that all of it is accepted; it returns how many bytes the client needed.
func (r *sdkRun) run(t *testing.T, client *harness.Client, s *harness.Standalone) int64 {
	t.Helper()
	address, transport := s.HTTP, "http"
	if r.protocol == "grpc" {
		address, transport = s.GRPC, "grpc"
	}
	forwarder := harness.Forward(t, address)
	env := []string{
		"OTEL_SERVICE_NAME=" + r.service(), "OTEL_RESOURCE_ATTRIBUTES=service.namespace=" + namespace,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + forwarder.Address, "OTEL_EXPORTER_OTLP_PROTOCOL=" + r.protocol,
		"OTEL_LOG_LEVEL=warn", // for Node, which says nothing otherwise
	}
	if r.compression != "" {
		env = append(env, "OTEL_EXPORTER_OTLP_COMPRESSION="+r.compression)
	}
	accepted := func(what string) int {
		return int(s.Sum("otelcol_receiver_accepted_"+what, "receiver", "otlp_slo", "transport", transport))
	}
	spans, points, records := accepted("spans"), accepted("metric_points"), accepted("log_records")
	r.sent = client.Run(env...)
	require.Greater(t, len(r.sent.Spans), 512, "more than one batch")
	assert.Equal(t, len(r.sent.Spans), accepted("spans")-spans, r.service())
	assert.Equal(t, len(r.sent.Metrics), accepted("metric_points")-points, r.service())
	assert.Equal(t, len(r.sent.Logs), accepted("log_records")-records, r.service())
	return forwarder.Sent()
}

// checkFoundTraces compares the traces to be kept with what the store of traces has.
func checkFoundTraces(t *testing.T, s *harness.Standalone, r *sdkRun) {
	t.Helper()
	for _, id := range []string{r.sent.Failed, r.sent.Slow} {
		var want []harness.SentSpan
		for _, span := range r.sent.Spans {
			if span.TraceID == id {
				want = append(want, span)
			}
		}
		require.NotEmpty(t, want, "the client does not say what is in trace %s", id)
		var got []harness.SentSpan
		harness.Wait(t, 60*time.Second, "trace "+id+" is kept", func() bool {
			td, ok := s.Trace(id)
			if ok {
				got = foundSpans(t, td, r)
			}
			return len(got) >= len(want)
		})
		require.Equal(t, bySpanID(want), bySpanID(got))
	}
}
