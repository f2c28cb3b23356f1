package red

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// testStart is when the tests' aggregators start.
var testStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// rig is an aggregator with its schema.
type rig struct {
	*Aggregator
	schema *spanview.Schema
	batch  spanview.Batch
}

func newRig(tb testing.TB, cfg Config, opts Options) *rig {
	tb.Helper()
	if opts.WriterID == "" {
		opts.WriterID = "gateway-0"
	}
	if opts.Start.IsZero() {
		opts.Start = testStart
	}
	r := &rig{schema: &spanview.Schema{}}
	var err error
	r.Aggregator, err = New(cfg, opts, r.schema)
	require.NoError(tb, err)
	return r
}

// scan reads traces into a batch as they come over the wire, and returns the memory that the batch refers to.
func (r *rig) scan(tb testing.TB, traces ptrace.Traces, b *spanview.Batch) []byte {
	tb.Helper()
	request, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	require.NoError(tb, err)
	require.NoError(tb, otlpwire.Scan(request, r.schema, b))
	return request
}

// observe counts traces and returns the series of each span. The request's memory is used for something else afterwards,
// as a slab's is.
func (r *rig) observe(tb testing.TB, lane int, traces ptrace.Traces) []uint32 {
	tb.Helper()
	request := r.scan(tb, traces, &r.batch)
	r.Observe(lane, &r.batch, time.Time{})
	for i := range request {
		request[i] = '!'
	}
	var ids []uint32
	for i := range r.batch.Spans {
		ids = append(ids, r.batch.Spans[i].Series)
	}
	return ids
}

// flush returns the metrics of a flush at an offset from testStart.
func (r *rig) flush(after time.Duration) pmetric.Metrics {
	md := pmetric.NewMetrics()
	r.Flush(testStart.Add(after), md)
	return md
}

// span is a span of the tests, of a service that has nothing but its name.
type span struct {
	service    string
	name       string
	kind       ptrace.SpanKind
	status     ptrace.StatusCode
	duration   time.Duration
	resource   map[string]any
	attributes map[string]any
}

// tracesOf puts each span under a resource of its own.
func tracesOf(tb testing.TB, spans ...span) ptrace.Traces {
	tb.Helper()
	traces := ptrace.NewTraces()
	for _, s := range spans {
		rs := traces.ResourceSpans().AppendEmpty()
		require.NoError(tb, rs.Resource().Attributes().FromRaw(s.resource))
		if s.service != "" {
			rs.Resource().Attributes().PutStr("service.name", s.service)
		}
		sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID(pcommon.TraceID{1})
		sp.SetSpanID(pcommon.SpanID{2})
		sp.SetName(s.name)
		sp.SetKind(s.kind)
		sp.Status().SetCode(s.status)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(testStart))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(testStart.Add(s.duration)))
		require.NoError(tb, sp.Attributes().FromRaw(s.attributes))
	}
	return traces
}
