package parity

import (
	"encoding/binary"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// begun is when the traces of small traffic begin.
var begun = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// traceID makes a trace id of its two halves.
func traceID(left, right uint64) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[:8], left)
	binary.BigEndian.PutUint64(id[8:], right)
	return id
}

// feature is something that a span of small traffic has.
type feature func(ptrace.Span)

func failed(s ptrace.Span) { s.Status().SetCode(ptrace.StatusCodeError) }

// child has a parent, so it is no root.
func child(s ptrace.Span) { s.SetParentSpanID(pcommon.SpanID{1}) }

// lasting starts and ends so many milliseconds after the trace began.
func lasting(from, to int) feature {
	return func(s ptrace.Span) {
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(begun.Add(time.Duration(from) * time.Millisecond)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(begun.Add(time.Duration(to) * time.Millisecond)))
	}
}

// labelled has an attribute.
func labelled(key, value string) feature {
	return func(s ptrace.Span) { s.Attributes().PutStr(key, value) }
}

func stated(tracestate string) feature {
	return func(s ptrace.Span) { s.TraceState().FromRaw(tracestate) }
}

var spanIDs uint64

// spanOf makes a span of a trace, of 10 ms unless said otherwise.
func spanOf(id pcommon.TraceID, features ...feature) ptrace.Span {
	s := ptrace.NewSpan()
	s.SetTraceID(id)
	spanIDs++
	s.SetSpanID(pcommon.SpanID(binary.BigEndian.AppendUint64(nil, spanIDs)))
	s.SetName("work")
	lasting(0, 10)(s)
	for _, f := range features {
		f(s)
	}
	return s
}

// at is a request of these spans, in one resource.
func at(when time.Duration, spans ...ptrace.Span) request {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	ss := rs.ScopeSpans().AppendEmpty()
	for _, s := range spans {
		s.CopyTo(ss.Spans().AppendEmpty())
	}
	return request{at: when, traces: td}
}

// both replays small traffic with the same configuration to contrib and to ours, and a minute more.
func both(t *testing.T, config string, requests ...request) (contrib, ours *kept) {
	t.Helper()
	tr := newTraffic("small", requests)
	return stock.replay(t, config, tr, time.Minute), own.replay(t, config, tr, time.Minute)
}
