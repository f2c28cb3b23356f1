package spanpipe

import (
	"cmp"
	"slices"

	"github.com/otelcol-slo/otelcol-slo/internal/coverage"
	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/red"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// emitter takes closed traces from the buffer: it shows them to coverage, assembles the kept ones into the output queue and
// offers their spans as exemplars. It is used under the buffer's closing lock only.
type emitter struct {
	engine    *Engine
	assembler otlpwire.Assembler
	spans     []tracebuf.Buffered
	briefs    []otlpwire.Brief // of spans
	order     []int32          // indexes of spans, in the order that they go out in
	// state is the trace state of the last span that got a new one: those of a trace are mostly equal.
	state   string
	scratch []byte
	// reasons are attributes that tell why the trace at hand is kept; root is which of the spans gets them, -1: all do.
	reasons []byte
	root    int32

	looked     []coverage.Span // of spans
	services   []uint32        // of spans
	attributes *otlpwire.AttributeReader
}

func (m *emitter) init(e *Engine) {
	m.engine = e
	m.attributes = otlpwire.NewAttributeReader(e.coverage.PeerKeys(), e.coverage.PeerSlots())
}

// Room implements tracebuf.Emitter.
func (m *emitter) Room() bool { return m.engine.out.room() }

// Looks implements tracebuf.Emitter.
func (m *emitter) Looks(r *tracebuf.Record) bool {
	if r.State == tracebuf.Dropped && m.engine.store != nil {
		m.engine.store.Dropped(&r.TraceID)
	}
	whole := r.Flags&(tracebuf.Truncated|tracebuf.Partial|tracebuf.Early) == 0 && !m.engine.seenBefore(r)
	return m.engine.coverage.Wants(&r.TraceID, int(r.Spans), whole)
}

// Emit implements tracebuf.Emitter.
func (m *emitter) Emit(c *tracebuf.Closed) {
	m.spans = m.spans[:0]
	for s, ok := c.Chain.Next(); ok; s, ok = c.Chain.Next() {
		if c.Verdict.Keep && !c.Chain.Read(&s) {
			break
		}
		m.spans = append(m.spans, s)
	}
	if c.Late == 0 && (!c.Verdict.Keep || m.Looks(c.Record)) && len(m.spans) == int(c.Spans) {
		m.look(c)
	}
	if c.Verdict.Keep {
		m.emit(c)
	}
	if len(m.spans) > scratchSpansMax { // an outsized trace must not be paid for ever after
		*m = emitter{engine: m.engine, attributes: m.attributes}
	}
}

// scratchSpansMax is up to which size of a trace the scratch is kept.
const scratchSpansMax = 1 << 14

// look shows coverage a trace at its decision.
func (m *emitter) look(c *tracebuf.Closed) {
	m.looked = m.looked[:0]
	for i := range m.spans {
		s := &m.spans[i]
		m.looked = append(m.looked, coverage.Span{
			ID: s.Head.SpanID, Parent: s.Head.ParentID, Service: s.Service, Kind: s.Head.Kind, Parents: coverage.Parents(s.Head.Remote),
		})
	}
	m.engine.coverage.Look(c.Record.TraceID, m.looked, func(i int) []spanview.Value { return m.attributes.Read(c.Chain.Span(&m.spans[i])) })
}

// emit puts a kept trace into the output queue, the spans of each context by themselves.
func (m *emitter) emit(c *tracebuf.Closed) {
	m.briefs = m.briefs[:0]
	for i := range m.spans {
		m.briefs = append(m.briefs, otlpwire.ReadBrief(m.spans[i].Span))
	}
	if missing := int(c.Spans) - len(m.spans); missing > 0 {
		m.engine.counts.lostSpans.Add(uint64(missing))
	}
	m.annotate(c)
	if !m.queue(c) {
		return
	}
	if c.Decides { // not what came late of a trace that is out
		m.countKept()
		m.log(c)
	}
	if m.engine.red != nil && m.engine.cfg.RED.Exemplars.Enabled {
		m.offerExemplars(c)
	}
}

// queue puts the spans into the output queue; it returns false where there is none of them in it.
func (m *emitter) queue(c *tracebuf.Closed) bool {
	m.orderByContext()
	queued := false
	for from, to := 0, 0; from < len(m.order); from = to {
		piece := outPiece{trace: c.Record.TraceID, first: c.First, context: m.spans[m.order[from]].Context, again: queued || !c.Decides}
		for to = from; to < len(m.order) && m.spans[m.order[to]].Context == piece.context; to++ {
			piece.spans++
			if m.order[to] < int32(c.Late) { // the newest
				piece.late++
			}
		}
		m.assemble(c, m.order[from:to])
		piece.size = m.assembler.Size()
		if err := m.engine.out.append(piece, m.engine.lastTick.Load(), m.assembler.AppendTo); err != nil { // the system gives no memory
			m.engine.counts.lostSpans.Add(uint64(piece.spans))
			continue
		}
		queued = true
	}
	return queued
}

// orderByContext lists the spans by context, those of one in the order of their arrival.
func (m *emitter) orderByContext() {
	m.order = m.order[:0]
	mixed := false
	for i := range slices.Backward(m.spans) {
		m.order = append(m.order, int32(i))
		mixed = mixed || m.spans[i].Context != m.spans[0].Context
	}
	if mixed {
		slices.SortStableFunc(m.order, func(a, b int32) int { return cmp.Compare(m.spans[a].Context, m.spans[b].Context) })
	}
}

// countKept counts the trace for the services that take part in it.
func (m *emitter) countKept() {
	m.services = m.services[:0]
	for i := range m.spans {
		if s := m.spans[i].Service; i == 0 || s != m.spans[i-1].Service {
			m.services = append(m.services, s)
		}
	}
	m.engine.coverage.Kept(m.services)
}

// assemble makes a request of some spans, in the given order, each with its sampling threshold.
func (m *emitter) assemble(c *tracebuf.Closed, spans []int32) {
	m.assembler.Reset()
	for _, i := range spans {
		s := &m.spans[i]
		p := otlpwire.Piece{
			Resource: s.Resource, ResourceSchemaURL: s.ResourceSchemaURL,
			Scope: s.Scope, ScopeSchemaURL: s.ScopeSchemaURL, Span: s.Span,
		}
		var changed bool
		m.scratch, changed = sampling.AppendTraceState(m.scratch[:0], m.briefs[i].TraceState, c.Verdict)
		if changed {
			if m.state != string(m.scratch) {
				m.state = string(m.scratch)
			}
			p.TraceState, p.SetTraceState = m.state, true
		}
		if m.root < 0 || m.root == i {
			p.Attributes = m.reasons
		}
		m.assembler.Add(p)
	}
}

// offerExemplars gives red the spans of a kept trace: an exemplar of them always opens.
func (m *emitter) offerExemplars(c *tracebuf.Closed) {
	for i := range m.spans {
		s := &m.spans[i]
		if s.Head.Series == 0 {
			continue
		}
		m.engine.red.Exemplar(s.Head.Series, red.Exemplar{
			TraceID: c.Record.TraceID, SpanID: s.Head.SpanID, DurationNanos: m.briefs[i].Duration(), Timestamp: m.briefs[i].End,
		})
	}
}
