package replay

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// FromTraces returns a recording (protobuf) of decoded traces, one request each, sent when its last span ended.
func FromTraces(tds []ptrace.Traces) (*Recording, error) {
	r := &Recording{Requests: make([]Request, len(tds))}
	for i, td := range tds {
		body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
		if err != nil {
			return nil, err
		}
		r.Requests[i] = Request{Body: body, At: lastEnd(td)}
	}
	return r, nil
}

func lastEnd(td ptrace.Traces) int64 {
	last := pcommon.Timestamp(0)
	eachSpan(td, func(_ ptrace.ResourceSpans, _ ptrace.ScopeSpans, s ptrace.Span) { last = max(last, s.EndTimestamp()) })
	return int64(last)
}

func eachSpan(td ptrace.Traces, f func(ptrace.ResourceSpans, ptrace.ScopeSpans, ptrace.Span)) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				f(rs, ss, s)
			}
		}
	}
}

// ShiftTraces adds one constant to the times of all spans, their events included.
func ShiftTraces(tds []ptrace.Traces, by time.Duration) {
	add := func(t pcommon.Timestamp) pcommon.Timestamp { return t + pcommon.Timestamp(by) }
	for _, td := range tds {
		eachSpan(td, func(_ ptrace.ResourceSpans, _ ptrace.ScopeSpans, s ptrace.Span) {
			s.SetStartTimestamp(add(s.StartTimestamp()))
			s.SetEndTimestamp(add(s.EndTimestamp()))
			for _, e := range s.Events().All() {
				e.SetTimestamp(add(e.Timestamp()))
			}
		})
	}
}

// ended is a span with where it came from.
type ended struct {
	resource ptrace.ResourceSpans
	scope    ptrace.ScopeSpans
	span     ptrace.Span
}

// WhenEnded returns a recording (protobuf) in which every span is sent when it ended, as SDKs without a batch would: all spans
// that end within one tick are a request, in the order of their ends, grouped only where neighbours share a resource.
func WhenEnded(tds []ptrace.Traces, tick time.Duration) (*Recording, error) {
	var spans []ended
	for _, td := range tds {
		eachSpan(td, func(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, s ptrace.Span) {
			spans = append(spans, ended{rs, ss, s})
		})
	}
	slices.SortStableFunc(spans, func(a, b ended) int { return cmp.Compare(a.span.EndTimestamp(), b.span.EndTimestamp()) })
	var groups []ptrace.Traces
	for first := 0; first < len(spans); {
		until := spans[first].span.EndTimestamp() + pcommon.Timestamp(tick)
		last := first
		for last < len(spans) && (last == first || spans[last].span.EndTimestamp() < until) {
			last++
		}
		groups = append(groups, together(spans[first:last]))
		first = last
	}
	return FromTraces(groups)
}

func together(spans []ended) ptrace.Traces {
	td := ptrace.NewTraces()
	var from ended
	var to ptrace.ScopeSpans
	for i, e := range spans {
		if i == 0 || e.resource != from.resource || e.scope != from.scope {
			rs := td.ResourceSpans().AppendEmpty()
			e.resource.Resource().CopyTo(rs.Resource())
			rs.SetSchemaUrl(e.resource.SchemaUrl())
			to = rs.ScopeSpans().AppendEmpty()
			e.scope.Scope().CopyTo(to.Scope())
			to.SetSchemaUrl(e.scope.SchemaUrl())
			from = e
		}
		e.span.CopyTo(to.Spans().AppendEmpty())
	}
	return td
}

// TimeOut lets one call of every n-th trace (by trace id) time out: the trace's first CLIENT span, or its first span where it
// has none, ends as an ERROR, by later than its trace's last span does. All other spans stay as they are. It returns the
// traces it changed.
func TimeOut(tds []ptrace.Traces, n int, by time.Duration) map[truth.TraceID]bool {
	type found struct {
		span   ptrace.Span
		client bool
		end    pcommon.Timestamp
	}
	traces := map[truth.TraceID]*found{}
	for _, td := range tds {
		eachSpan(td, func(_ ptrace.ResourceSpans, _ ptrace.ScopeSpans, s ptrace.Span) {
			client := s.Kind() == ptrace.SpanKindClient
			f := traces[s.TraceID()]
			switch {
			case f == nil:
				f = &found{span: s, client: client}
				traces[s.TraceID()] = f
			case client && !f.client:
				f.span, f.client = s, true
			}
			f.end = max(f.end, s.EndTimestamp())
		})
	}
	ids := make([]truth.TraceID, 0, len(traces))
	for id := range traces {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b truth.TraceID) int { return bytes.Compare(a[:], b[:]) })
	changed := map[truth.TraceID]bool{}
	for i := 0; i < len(ids); i += n {
		f := traces[ids[i]]
		f.span.SetEndTimestamp(f.end + pcommon.Timestamp(by))
		f.span.Status().SetCode(ptrace.StatusCodeError)
		changed[ids[i]] = true
	}
	return changed
}
