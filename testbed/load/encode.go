package load

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// placed is a span of a request: which slot of the request its trace has, and which span of the trace it is.
type placed struct {
	slot  int
	trace *traceModel
	index int
}

// encode returns one request with these spans, grouped by resource and within it in the order given, and that order.
// Ids and times are placeholders, none of them zero, so that each has its place in the bytes.
func encode(spans []placed, rnd *rand.Rand) ([]byte, []placed, error) {
	td := ptrace.NewTraces()
	ordered := make([]placed, 0, len(spans))
	for service := range services {
		var ss ptrace.ScopeSpans
		for _, p := range spans {
			s := &p.trace.spans[p.index]
			if s.service != service {
				continue
			}
			if ss == (ptrace.ScopeSpans{}) {
				rs := td.ResourceSpans().AppendEmpty()
				fillResource(rs.Resource().Attributes(), service)
				ss = rs.ScopeSpans().AppendEmpty()
				ss.Scope().SetName("io.opentelemetry.http-server-client")
				ss.Scope().SetVersion("2.14.0")
			}
			fillSpan(ss.Spans().AppendEmpty(), s, rnd)
			ordered = append(ordered, p)
		}
	}
	body, err := marshal(td)
	return body, ordered, err
}

// marshal encodes as SDKs do, fields in ascending order; pdata writes them in descending order.
func marshal(td ptrace.Traces) ([]byte, error) {
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		return nil, err
	}
	var req coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(&req)
}

func fillResource(a pcommon.Map, service int) {
	name := services[service]
	pod := fmt.Sprintf("%s-%08x-%05x", name, 0x7c9f4d00+service*7919, 0x2b6d1+service*104729%0x80000)
	a.PutStr("service.name", name)
	a.PutStr("service.namespace", "shop")
	a.PutStr("service.version", fmt.Sprintf("2.%d.1", service))
	a.PutStr("service.instance.id", fmt.Sprintf("shop.%s.%s", pod, name))
	a.PutStr("deployment.environment.name", "production")
	a.PutStr("host.name", fmt.Sprintf("ip-10-0-%d-17.eu-central-1.compute.internal", service))
	a.PutStr("k8s.namespace.name", "shop")
	a.PutStr("k8s.pod.name", pod)
	a.PutStr("telemetry.sdk.name", "opentelemetry")
	a.PutStr("telemetry.sdk.language", "java")
	a.PutStr("telemetry.sdk.version", "1.49.0")
}

func fillSpan(span ptrace.Span, s *spanModel, rnd *rand.Rand) {
	span.SetTraceID(pcommon.TraceID{0: 0xff})
	span.SetSpanID(pcommon.SpanID{0: 0xff})
	// W3C flags "sampled" and "random", and OTLP's "has is_remote".
	flags := uint32(0x103)
	if s.parent >= 0 {
		span.SetParentSpanID(pcommon.SpanID{0: 0xff})
		if s.kind == ptrace.SpanKindServer {
			flags |= 0x200
		}
	}
	span.SetFlags(flags)
	span.SetStartTimestamp(1)
	span.SetEndTimestamp(1)
	span.SetName(s.name())
	span.SetKind(s.kind)
	if s.isError {
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	path := concretePath(s.route, rnd)
	a := span.Attributes()
	a.PutStr("http.request.method", s.method)
	a.PutInt("http.response.status_code", int64(s.code))
	if s.kind == ptrace.SpanKindServer {
		a.PutStr("http.route", s.route)
		a.PutStr("url.path", path)
		a.PutStr("url.scheme", "http")
		a.PutStr("client.address", address(rnd))
		a.PutStr("user_agent.original", "Java/21")
	} else {
		a.PutStr("url.full", "http://"+services[(s.service+7)%serviceCount]+":8080"+path)
		a.PutStr("url.template", s.route)
		a.PutStr("url.scheme", "http")
		a.PutStr("network.transport", "tcp")
	}
	a.PutStr("server.address", services[s.service])
	a.PutInt("server.port", 8080)
	a.PutStr("network.protocol.version", "1.1")
	a.PutStr("network.peer.address", address(rnd))
	a.PutInt("network.peer.port", int64(32768+rnd.IntN(28232)))
	if s.isError {
		a.PutStr("error.type", fmt.Sprint(s.code))
	}
}

func address(rnd *rand.Rand) string {
	return fmt.Sprintf("10.0.%d.%d", rnd.IntN(256), rnd.IntN(256))
}

// concretePath fills in the parameters of a route.
func concretePath(route string, rnd *rand.Rand) string {
	parts := strings.Split(route, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = fmt.Sprintf("%08x", rnd.Uint32())
		}
	}
	return strings.Join(parts, "/")
}
