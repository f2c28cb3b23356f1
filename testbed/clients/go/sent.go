package main

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// sent is what is printed; the client for Node prints the same.
type sent struct {
	// Failed and Slow are the traces that are to be kept.
	Failed  string   `json:"failed"`
	Slow    string   `json:"slow"`
	Spans   []span   `json:"spans"`
	Metrics []series `json:"metrics"`
	Logs    []record `json:"logs"`
}

type attributes map[string]any

type span struct {
	TraceID    string     `json:"trace_id"`
	SpanID     string     `json:"span_id"`
	ParentID   string     `json:"parent_id"`
	Name       string     `json:"name"`
	Kind       string     `json:"kind"`
	Status     string     `json:"status"`
	Message    string     `json:"message"`
	Start      int64      `json:"start,string"`
	End        int64      `json:"end,string"`
	Attributes attributes `json:"attributes"`
	Events     []event    `json:"events"`
	Links      []link     `json:"links"`
}

type event struct {
	Name       string     `json:"name"`
	Time       int64      `json:"time,string"`
	Attributes attributes `json:"attributes"`
}

type link struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

// series is one of a metric: a value, or the observations of a histogram.
type series struct {
	Name         string     `json:"name"`
	Attributes   attributes `json:"attributes"`
	Value        float64    `json:"value"`
	Observations []float64  `json:"observations,omitempty"`
}

type record struct {
	TraceID    string     `json:"trace_id"`
	SpanID     string     `json:"span_id"`
	Severity   int        `json:"severity"`
	Body       string     `json:"body"`
	Attributes attributes `json:"attributes"`
}

// ended notes a span that ended, as the SDK has it.
func (s *sent) ended(ended trace.Span) {
	ro, ok := ended.(sdktrace.ReadOnlySpan)
	if !ok {
		panic("the span is not one of the SDK's, or not sampled")
	}
	out := span{
		TraceID: ro.SpanContext().TraceID().String(), SpanID: ro.SpanContext().SpanID().String(),
		Name: ro.Name(), Kind: strings.ToUpper(ro.SpanKind().String()),
		Status: strings.ToUpper(ro.Status().Code.String()), Message: ro.Status().Description,
		Start: ro.StartTime().UnixNano(), End: ro.EndTime().UnixNano(), Attributes: asMap(ro.Attributes()),
	}
	if ro.Parent().IsValid() {
		out.ParentID = ro.Parent().SpanID().String()
	}
	for _, e := range ro.Events() {
		out.Events = append(out.Events, event{Name: e.Name, Time: e.Time.UnixNano(), Attributes: asMap(e.Attributes)})
	}
	for _, l := range ro.Links() {
		out.Links = append(out.Links, link{TraceID: l.SpanContext.TraceID().String(), SpanID: l.SpanContext.SpanID().String()})
	}
	s.Spans = append(s.Spans, out)
}

func asMap(kvs []attribute.KeyValue) attributes {
	out := attributes{}
	for _, kv := range kvs {
		out[string(kv.Key)] = kv.Value.AsInterface()
	}
	return out
}
