package spanpipe

import (
	"slices"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// Attributes of kept spans that tell why they are here. docs/sampling.md says what they mean.
const (
	attributePolicy    = "sampling.policy"
	attributeReason    = "sampling.reason"
	attributeSpansSeen = "sampling.spans.seen"
	attributeSpansKept = "sampling.spans.kept"
)

// reasonOf returns the value of the attribute sampling.reason: how the spans of a closed trace came to be kept.
func reasonOf(r *tracebuf.Record, late bool) string {
	switch {
	case r.Flags&tracebuf.Partial != 0 && r.Flags&tracebuf.Rescued != 0:
		return "rescued_partial"
	case r.Flags&tracebuf.Rescued != 0 && !late:
		return "rescued"
	case late:
		return "late"
	case r.Flags&tracebuf.Early != 0:
		return "early"
	}
	return "decided"
}

// annotate makes the attributes for the trace at hand, and finds the span that gets them.
func (m *emitter) annotate(c *tracebuf.Closed) {
	m.reasons, m.root = m.reasons[:0], -1
	mode := m.engine.cfg.Sampling.AnnotateSpans
	if mode != sampling.AnnotateRoot && mode != sampling.AnnotateAll {
		return
	}
	late := c.Late == c.Spans
	if c.Verdict.Policy != sampling.NoPolicy {
		m.reasons = otlpwire.AppendString(m.reasons, attributePolicy, m.engine.decided.policy(int32(c.Verdict.Policy)))
	}
	m.reasons = otlpwire.AppendString(m.reasons, attributeReason, reasonOf(c.Record, late))
	if !late {
		m.reasons = otlpwire.AppendInt(m.reasons, attributeSpansSeen, int64(c.Record.Spans))
		m.reasons = otlpwire.AppendInt(m.reasons, attributeSpansKept, int64(len(m.spans)))
	}
	if mode == sampling.AnnotateRoot {
		m.root = m.findRoot()
	}
}

// findRoot returns the index of the span without a parent, or of the one that came first.
func (m *emitter) findRoot() int32 {
	for i := range slices.Backward(m.spans) {
		if m.spans[i].Head.ParentID == [8]byte{} {
			return int32(i)
		}
	}
	return int32(len(m.spans) - 1)
}

// log remembers why a trace was kept.
func (m *emitter) log(c *tracebuf.Closed) {
	r := c.Record
	if r.Spans > uint32(len(m.spans)) {
		m.engine.counts.incomplete.Add(1)
	}
	e := logged{
		traceID: r.TraceID, decided: m.engine.lastTick.Load(), first: c.First, minStart: r.MinStart, maxEnd: r.MaxEnd,
		threshold: c.Verdict.Threshold, known: c.Verdict.Known, spans: r.Spans, errors: r.Errors, kept: uint32(len(m.spans)),
		policy: int32(c.Verdict.Policy), flags: r.Flags,
	}
	n := 0
	for _, s := range m.services {
		if n < len(e.services) && s != 0 && (n == 0 || e.services[n-1] != s) {
			e.services[n] = s
			n++
		}
	}
	m.engine.decided.add(&e)
}
