package ottlcondition

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspanevent"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

var settings = component.TelemetrySettings{Logger: zap.NewNop()}

// answer is what a policy's conditions say of a span.
type answer struct{ matched, failed bool }

// oracle answers by contrib's sequences of conditions, with contexts written out.
type oracle struct {
	t     *testing.T
	span  *ottl.ConditionSequence[*ottlspan.TransformContext]
	event *ottl.ConditionSequence[*ottlspanevent.TransformContext]
}

func newOracle(t *testing.T, c *sampling.OTTLConditionConfig) *oracle {
	o := &oracle{t: t}
	if len(c.Span) > 0 {
		list, err := compileSpan(settings, "", c.Span)
		require.NoError(t, err)
		seq := ottlspan.NewConditionSequence(list, settings, ottlspan.WithConditionSequenceErrorMode(ottl.ErrorMode(c.ErrorMode)))
		o.span = &seq
	}
	if len(c.SpanEvent) > 0 {
		list, err := compileSpanEvent(settings, "", c.SpanEvent)
		require.NoError(t, err)
		seq := ottlspanevent.NewConditionSequence(list, settings, ottlspanevent.WithConditionSequenceErrorMode(ottl.ErrorMode(c.ErrorMode)))
		o.event = &seq
	}
	return o
}

func (o *oracle) answer(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span) answer {
	if o.span != nil {
		holds, err := o.span.Eval(context.Background(), ottlspan.NewTransformContextPtr(rs, ss, span))
		if holds || err != nil {
			return answer{holds, err != nil}
		}
	}
	for i := 0; o.event != nil && i < span.Events().Len(); i++ {
		holds, err := o.event.Eval(context.Background(), ottlspanevent.NewTransformContextPtr(rs, ss, span, span.Events().At(i)))
		if holds || err != nil {
			return answer{holds, err != nil}
		}
	}
	return answer{}
}

// answers are those to the spans of a request that have a trace id, in its order.
func (o *oracle) answers(td ptrace.Traces) (list []answer, traces [][16]byte) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if !span.TraceID().IsEmpty() {
					list, traces = append(list, o.answer(rs, ss, span)), append(traces, span.TraceID())
				}
			}
		}
	}
	return list, traces
}

// Random requests and conditions have few facts, so that conditions hold about as often as not. ParseJSON fails on
// what is no JSON.

var spanConditions = []string{
	`name == "a"`, `span.name == "b"`, `resource.attributes["service.name"] == "cart"`, `scope.name == "http"`,
	`instrumentation_scope.name == "grpc"`, `attributes["n"] > 2`, `IsRootSpan()`, `status.code == STATUS_CODE_ERROR`,
	`kind == SPAN_KIND_CLIENT and attributes["n"] == 1`, `ParseJSON(attributes["json"])["x"] == 1`,
	`IsMatch(span.attributes["json"], "^.x")`, `ParseJSON(span.attributes["json"])["y"] == 1`, `Len(span.events) > 1`, `resource.schema_url == "s"`,
}

var eventConditions = []string{
	`name == "exception"`, `spanevent.name != "exception"`, `attributes["n"] == 3`, `span.name == "c"`,
	`resource.attributes["service.name"] == "cart" and spanevent.name == "log"`, `ParseJSON(attributes["json"])["x"] == 1`,
	`scope.name == "http" and spanevent.attributes["n"] == 0`,
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

func randomConditions(rng *rand.Rand) *sampling.OTTLConditionConfig {
	c := &sampling.OTTLConditionConfig{ErrorMode: pick(rng, "", "ignore", "silent", "propagate", "propagate")}
	for len(c.Span)+len(c.SpanEvent) == 0 {
		for range rng.IntN(3) {
			c.Span = append(c.Span, pick(rng, spanConditions...))
		}
		for range rng.IntN(3) {
			c.SpanEvent = append(c.SpanEvent, pick(rng, eventConditions...))
		}
	}
	return c
}

// randomRequest has spans of few traces, whose ids differ in one byte; of the zero trace too.
func randomRequest(rng *rand.Rand) ptrace.Traces {
	td := ptrace.NewTraces()
	for range rng.IntN(4) {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", pick(rng, "cart", "pay"))
		rs.SetSchemaUrl(pick(rng, "", "s"))
		for range rng.IntN(3) {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(pick(rng, "http", "grpc", ""))
			for range rng.IntN(5) {
				randomSpan(rng, ss.Spans().AppendEmpty())
			}
		}
	}
	return td
}

func randomSpan(rng *rand.Rand, span ptrace.Span) {
	var id pcommon.TraceID
	id[15] = byte(rng.IntN(5)) // 0 is no trace id
	span.SetTraceID(id)
	var spanID pcommon.SpanID
	binary.BigEndian.PutUint64(spanID[:], rng.Uint64())
	span.SetSpanID(spanID)
	if rng.IntN(2) == 0 {
		span.SetParentSpanID(spanID)
	}
	span.SetName(pick(rng, "a", "b", "c", "d"))
	span.SetKind(pick(rng, ptrace.SpanKindClient, ptrace.SpanKindServer))
	span.Status().SetCode(pick(rng, ptrace.StatusCodeUnset, ptrace.StatusCodeUnset, ptrace.StatusCodeError))
	randomAttributes(rng, span.Attributes())
	for range rng.IntN(3) {
		event := span.Events().AppendEmpty()
		event.SetName(pick(rng, "exception", "log"))
		randomAttributes(rng, event.Attributes())
	}
}

func randomAttributes(rng *rand.Rand, m pcommon.Map) {
	m.PutStr("json", pick(rng, `{"x":1}`, `{"x":1}`, `{}`, `{}`, `no json`))
	if rng.IntN(2) == 0 {
		m.PutInt("n", rng.Int64N(5))
	}
}

func marshal(t testing.TB, td ptrace.Traces) []byte {
	request, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return request
}

func compilePolicies(t testing.TB, list ...sampling.PolicyConfig) (*sampling.Policies, *spanview.Schema) {
	cfg := sampling.DefaultConfig()
	cfg.Policies = list
	schema := &spanview.Schema{}
	p, err := sampling.Compile(cfg, sampling.Options{Conditions: Compiler(settings)}, schema)
	require.NoError(t, err)
	return p, schema
}

// read scans a request as the engine does.
func read(t testing.TB, s *spanview.Schema, request []byte) *spanview.Batch {
	b := &spanview.Batch{}
	require.NoError(t, otlpwire.Scan(request, s, b))
	b.DropZeroTraceIDs()
	return b
}

// fold puts a batch's spans into the records of their traces.
func fold(records map[[16]byte]*tracebuf.Record, b *spanview.Batch) {
	for i := range b.Spans {
		s := &b.Spans[i]
		r := records[s.TraceID]
		if r == nil {
			r = &tracebuf.Record{TraceID: s.TraceID}
			records[s.TraceID] = r
		}
		r.Fold(s)
	}
}
