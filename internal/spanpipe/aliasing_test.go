package spanpipe

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/red"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
)

// What an observer keeps of a request it must have copied: the request's bytes are another request's soon.
func TestObserversKeepNothingOfARequest(t *testing.T) {
	cfg := DefaultConfig()
	cfg.RED.Dimensions = []red.Dimension{{Name: "http.route"}}
	cfg.RED.ResourceMetricsKeyAttributes = []string{"k8s.pod.name"}
	cfg.SLO.SLOs = []slo.SLO{{Name: "by-route", Service: "*", GroupBy: []string{"http.route"}, Objective: "99.9%", Errors: &slo.Errors{}}}
	e, err := New(Settings{Config: cfg, Limits: MemoryLimits{Buffers: 64 * mib}, WriterID: "writer", Start: time.Now()})
	require.NoError(t, err)
	defer e.Close()
	td := ptrace.NewTraces()
	for _, service := range []string{"cart", "checkout"} {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", service)
		rs.Resource().Attributes().PutStr("service.namespace", "shop")
		rs.Resource().Attributes().PutStr("deployment.environment.name", "production")
		rs.Resource().Attributes().PutStr("k8s.pod.name", service+"-0")
		sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID(traceID(1))
		sp.SetName("GET /" + service)
		sp.SetKind(ptrace.SpanKindServer)
		sp.Attributes().PutStr("http.route", "/"+service)
	}
	request, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	for range 3 {
		r, err := e.NewRequest(len(request), time.Now())
		require.NoError(t, err)
		body := r.Body()
		copy(body, request)
		_, err = r.Accept(time.Now())
		require.NoError(t, err)
		for i := range body {
			body[i] = 0xFF
		}
	}
	md, _ := e.Flush(time.Now())
	text := marshal(t, md)
	require.NotContains(t, text, "\xFF", "a label holds bytes of the next request")
	for _, want := range []string{"cart", "GET /cart", "/checkout", "shop", "production", "cart-0"} {
		require.Contains(t, text, `"`+want+`"`)
	}
	require.Greater(t, strings.Count(text, "by-route"), 4)
}
