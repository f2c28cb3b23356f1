package otlpwire

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

const (
	referenceTraces = 32
	spansPerTrace   = 8
	referenceSpans  = referenceTraces * spansPerTrace
	services        = 20
)

var routes = [...]string{
	"/api/products", "/api/products/{productId}", "/api/cart", "/api/checkout", "/api/recommendations", "/api/shipping/quote",
	"/api/currency", "/api/users/{userId}/orders",
}

// referenceRequest is the load that the project's speed is measured with: 32 traces of 8 spans, grouped by 20 resources
// of 11 attributes, with 11 or 12 attributes a span and 526 bytes a span in all.
func referenceRequest(seed uint64) []byte {
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
		for depth := range spansPerTrace {
			span := scopes[rng.IntN(services)].AppendEmpty()
			span.SetTraceID(traceID)
			span.SetParentSpanID(parent)
			binary.LittleEndian.PutUint64(parent[:], rng.Uint64())
			span.SetSpanID(parent)
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
	start := uint64(1_700_000_000_000_000_000) + rng.Uint64N(1e12)
	span.SetStartTimestamp(pcommon.Timestamp(start))
	span.SetEndTimestamp(pcommon.Timestamp(start + rng.Uint64N(500e6)))
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

// referenceSchema wants what RED's default dimensions and two policies ask for.
func referenceSchema() *spanview.Schema {
	s := &spanview.Schema{}
	for _, key := range []string{"http.request.method", "http.route", "http.response.status_code", "rpc.grpc.status_code"} {
		if _, err := s.SpanSlot(key); err != nil {
			panic(err)
		}
	}
	for _, key := range []string{"service.name", "service.namespace", "deployment.environment.name"} {
		if _, err := s.ResourceSlot(key); err != nil {
			panic(err)
		}
	}
	return s
}

// ascending rewrites a message with its fields in the order of their numbers, as SDKs write them; pdata writes them in
// the opposite order.
func ascending(b []byte, m messageID) []byte {
	var out []byte
	for num := 1; num <= 16; num++ {
		for pos := 0; pos < len(b); {
			f, err := readField(b, pos, m)
			if err != nil {
				panic(err)
			}
			switch inner := typeOf(m, num).message; {
			case f.num != num:
			case inner == noMessage:
				out = append(out, b[pos:f.end]...)
			default:
				body := ascending(b[f.start:f.end], inner)
				out = append(binary.AppendUvarint(append(out, byte(num<<3|wireLen)), uint64(len(body))), body...)
			}
			pos = f.end
		}
	}
	return out
}

func BenchmarkScan(b *testing.B) {
	b.Run("fields as SDKs order them", func(b *testing.B) {
		benchmarkScan(b, func(buf []byte) []byte { return ascending(buf, requestMessage) })
	})
	b.Run("fields as pdata orders them", func(b *testing.B) {
		benchmarkScan(b, func(buf []byte) []byte { return buf })
	})
}

func benchmarkScan(b *testing.B, order func([]byte) []byte) {
	schema, batch := referenceSchema(), &spanview.Batch{}
	requests := make([][]byte, 16)
	for i := range requests {
		requests[i] = order(referenceRequest(uint64(i)))
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(requests[0])))
	i := 0
	for b.Loop() {
		if err := Scan(requests[i%len(requests)], schema, batch); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/referenceSpans, "ns/span")
	b.ReportMetric(float64(len(requests[0]))/referenceSpans, "B/span")
}

func TestTheReferenceRequestIsWhatItSaysToBe(t *testing.T) {
	batch := &spanview.Batch{}
	buf := referenceRequest(1)
	require.NoError(t, Scan(buf, referenceSchema(), batch))
	require.Len(t, batch.Spans, referenceSpans)
	require.Len(t, batch.Resources, services)
	require.InDelta(t, 526, float64(len(buf))/referenceSpans, 8)
}

func TestScanningDoesNotAllocate(t *testing.T) {
	schema, batch := referenceSchema(), &spanview.Batch{}
	requests := make([][]byte, 8)
	for i := range requests {
		requests[i] = referenceRequest(uint64(i))
		require.NoError(t, Scan(requests[i], schema, batch))
	}
	i := 0
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if err := Scan(requests[i%len(requests)], schema, batch); err != nil {
			t.Fatal(err)
		}
		i++
	}))
}
