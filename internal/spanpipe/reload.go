package spanpipe

import (
	"fmt"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// ReloadPolicies replaces the policies and the shadow policies by those of a configuration, for all traces that are held too: these are
// asked anew, by the spans that are held of them, what the new policies ask and the old ones did not. Requests wait meanwhile, and are
// refused with ErrReloading after two seconds; they don't wait where the policies ask the same of spans. Limits of rates that are in both
// go on where they stand. On an error everything stays.
func (e *Engine) ReloadPolicies(cfg sampling.Config) error {
	e.reloadMu.Lock()
	defer e.reloadMu.Unlock()
	old := e.plan.Load()
	next := old.sampling
	next.Policies, next.ShadowPolicies = cfg.Policies, cfg.ShadowPolicies
	if _, err := e.planOf(next, old, nil); err != nil { // what policies know is shared with the old ones: nothing may fail behind it
		return fmt.Errorf("cannot reload policies: %w", err)
	}
	p, err := e.planOf(next, old, old.policies)
	if err != nil {
		return fmt.Errorf("cannot reload policies: %w", err)
	}
	if p.policies.SameBits(old.policies) {
		e.plan.Store(p)
		return nil
	}
	defer e.closeLanes()()
	for _, l := range e.laneList {
		l.rowsMax = rowsFor(e.budget.Limit(), len(e.laneList), p.schema)
		l.batch.RowsMax = l.rowsMax
	}
	e.rematch(old, p)
	return nil
}

// reloadPatience is how long requests wait for a reload before they are refused: less than the shortest usual time-out of senders, who
// would send again what is taken in after all.
const reloadPatience = 2 * time.Second

// closeLanes returns when no request is open, and what lets them in again: bits of the old policies must not come behind those of the
// new ones.
func (e *Engine) closeLanes() (open func()) {
	taken := make([]*lane, len(e.laneList))
	for i := range taken {
		taken[i] = e.lanes.take()
	}
	stop := e.lanes.refuseAfter(reloadPatience)
	return func() {
		stop()
		for _, l := range taken {
			e.lanes.give(l)
		}
	}
}

// planOf compiles a plan of other policies. They take over what the previous ones know, if there are any.
func (e *Engine) planOf(cfg sampling.Config, old *plan, previous *sampling.Policies) (*plan, error) {
	p := &plan{}
	if err := e.compilePolicies(p, cfg, previous); err != nil {
		return nil, err
	}
	return p, p.compileSLOs(old.ofSLOs, e.sloOptions(len(e.laneList)), old.slo)
}

// rematch gives all records the bits that the new plan's policies would have set, and puts the plan in force before anything is
// decided by them.
func (e *Engine) rematch(old, p *plan) {
	workers := make([]rematcher, e.buf.Workers())
	for i := range workers {
		workers[i].scratch.Again = true
	}
	renamed := p.policies.Renamed(old.policies)
	e.buf.Rematch(len(workers), func(worker int, r *tracebuf.Record, c tracebuf.Chain) {
		m := &workers[worker]
		r.Bits = renamed(r.Bits)
		if r.Flags&tracebuf.Truncated == 0 { // all spans are here to make them anew
			r.Traits = spanview.Traits{}
		}
		m.match(p, r, c)
	}, func() { e.plan.Store(p) })
}

// rematcher matches the spans of one trace at a time.
type rematcher struct {
	assembler otlpwire.Assembler
	request   []byte
	batch     spanview.Batch
	scratch   sampling.Scratch
}

// piecesMax is how many spans are matched at a time: a large trace is never whole on the Go heap.
const piecesMax = 1 << 12

// match adds to a record what the policies find in its spans.
func (m *rematcher) match(p *plan, r *tracebuf.Record, c tracebuf.Chain) {
	m.assembler.Reset()
	for s, ok := c.Next(); ok && c.Read(&s); s, ok = c.Next() {
		m.assembler.Add(otlpwire.Piece{
			Resource: s.Resource, ResourceSchemaURL: s.ResourceSchemaURL, Scope: s.Scope, ScopeSchemaURL: s.ScopeSchemaURL, Span: s.Span,
		})
		if m.assembler.Len() == piecesMax {
			m.matchPieces(p, r)
		}
	}
	if m.assembler.Len() > 0 {
		m.matchPieces(p, r)
	}
}

func (m *rematcher) matchPieces(p *plan, r *tracebuf.Record) {
	m.request = m.assembler.AppendTo(m.request[:0])
	m.assembler.Reset()
	if err := otlpwire.Scan(m.request, p.schema, &m.batch); err != nil { // cannot be: it was read before
		return
	}
	p.policies.Match(&m.batch, &m.scratch)
	p.policies.MatchConditions(&m.batch, m.request)
	traits := m.batch.Traits()
	for i := range m.batch.Spans {
		r.Bits |= m.batch.Spans[i].Bits
		if len(traits) > 0 {
			r.Traits.Merge(&traits[i])
		}
	}
}
