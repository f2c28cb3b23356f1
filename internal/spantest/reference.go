package spantest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// ReferenceSpans is how many spans a reference request holds: 32 traces of 8.
const ReferenceSpans = referenceTraces * spansPerTrace

const (
	referenceTraces = 32
	spansPerTrace   = 8
	services        = 20
)

var routes = [...]string{
	"/api/products", "/api/products/{productId}", "/api/cart", "/api/checkout", "/api/recommendations", "/api/shipping/quote",
	"/api/currency", "/api/users/{userId}/orders",
}

// ReferenceRequest is the load that the project's speed is measured with: 32 traces of 8 spans, grouped by 20 resources
// of 11 attributes, with 11 or 12 attributes a span and 526 bytes a span in all; 1 % of traces have an error, 1 % take
// longer than 500 ms.
func ReferenceRequest(seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	traces := ptrace.NewTraces()
	var scopes [services]ptrace.SpanSlice
	for i := range scopes {
		rs := traces.ResourceSpans().AppendEmpty()
		referenceResource(rs.Resource().Attributes(), i)
		rs.SetSchemaUrl("https://opentelemetry.io/schemas/1.37.0")
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("io.opentelemetry.http")
		ss.Scope().SetVersion("2.19.0")
		scopes[i] = ss.Spans()
	}
	for range referenceTraces {
		var traceID pcommon.TraceID
		binary.LittleEndian.PutUint64(traceID[:], rng.Uint64())
		binary.LittleEndian.PutUint64(traceID[8:], rng.Uint64())
		var parent pcommon.SpanID
		start := uint64(1_700_000_000_000_000_000) + rng.Uint64N(1e12)
		slow, failed := rng.IntN(100) == 0, rng.IntN(100) == 0
		for depth := range spansPerTrace {
			span := scopes[rng.IntN(services)].AppendEmpty()
			span.SetTraceID(traceID)
			span.SetParentSpanID(parent)
			binary.LittleEndian.PutUint64(parent[:], rng.Uint64())
			span.SetSpanID(parent)
			span.SetStartTimestamp(pcommon.Timestamp(start + uint64(depth)*5e6))
			span.SetEndTimestamp(span.StartTimestamp() + pcommon.Timestamp(rng.Uint64N(400e6)))
			if slow && depth == 0 {
				span.SetEndTimestamp(span.StartTimestamp() + 600e6)
			}
			if failed && depth == spansPerTrace-1 {
				span.Status().SetCode(ptrace.StatusCodeError)
			}
			referenceSpan(span, depth, rng)
		}
	}
	buf, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	if err != nil {
		panic(err)
	}
	return buf
}

func referenceResource(attributes pcommon.Map, service int) {
	attributes.PutStr("service.name", fmt.Sprintf("service-%02d", service))
	attributes.PutStr("service.namespace", "shop")
	attributes.PutStr("service.version", "1.14.2")
	attributes.PutStr("service.instance.id", fmt.Sprintf("627cc493-f310-47de-96bd-71410b7dec%02d", service))
	attributes.PutStr("deployment.environment.name", "production")
	attributes.PutStr("telemetry.sdk.name", "opentelemetry")
	attributes.PutStr("telemetry.sdk.language", "java")
	attributes.PutStr("telemetry.sdk.version", "1.53.0")
	attributes.PutStr("k8s.namespace.name", "shop")
	attributes.PutStr("k8s.pod.name", fmt.Sprintf("service-%02d-7d9c6b8f5-x2x%02d", service, service))
	attributes.PutStr("k8s.node.name", "node-3")
}

func referenceSpan(span ptrace.Span, depth int, rng *rand.Rand) {
	route := routes[rng.IntN(len(routes))]
	span.SetName("GET " + route)
	span.SetKind(ptrace.SpanKindServer + ptrace.SpanKind(depth%2))
	span.SetFlags(0x101)
	a := span.Attributes()
	a.PutStr("http.request.method", "GET")
	a.PutStr("url.scheme", "https")
	a.PutStr("url.path", fmt.Sprintf("/api/products/%d", rng.IntN(1e6)))
	a.PutStr("http.route", route)
	a.PutInt("http.response.status_code", 200)
	a.PutStr("server.address", "frontend.shop.svc.cluster.local")
	a.PutInt("server.port", 8080)
	a.PutStr("network.protocol.version", "1.1")
	a.PutStr("client.address", "10.12.7.33")
	a.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux)")
	a.PutStr("network.peer.address", "10.12.7.33")
	if depth%2 == 0 {
		a.PutInt("network.peer.port", 40_000+rng.Int64N(20_000))
	}
}
