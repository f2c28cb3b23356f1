package truth

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Builder computes the truth of spans at hand.
type Builder struct {
	RED    *RED
	Traces Traces
}

// NewBuilder returns an empty builder for these bounds.
func NewBuilder(bounds []time.Duration) *Builder {
	return &Builder{RED: NewRED(bounds), Traces: Traces{}}
}

// Add counts every span of td, by service, name, kind and status.
func (b *Builder) Add(td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		service := ""
		if v, ok := rs.Resource().Attributes().Get("service.name"); ok {
			service = v.AsString()
		}
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				start, end := int64(span.StartTimestamp()), int64(span.EndTimestamp())
				b.RED.Observe(Series{
					Service:   service,
					Operation: span.Name(),
					Kind:      strings.ToUpper(span.Kind().String()),
					Status:    strings.ToUpper(span.Status().Code().String()),
				}, time.Duration(max(0, end-start)), 1)
				b.Traces.Span(span.TraceID(), start, end, span.Status().Code() == ptrace.StatusCodeError)
			}
		}
	}
}
