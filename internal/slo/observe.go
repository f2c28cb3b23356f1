package slo

import (
	"math/bits"
	"strings"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// plansMax bounds the services whose plan a lane remembers; further ones are planned anew for every resource.
const plansMax = 10_000

// Observe counts the events of a batch that was read with the counter's schema. lane is from 0 to Options.Lanes - 1;
// callers that share a lane wait for one another. Counting needs no time: events count when they come.
func (c *Counter) Observe(lane int, b *spanview.Batch, _ time.Time) {
	if len(c.slos) == 0 {
		return
	}
	ln := c.ledger.lanes[lane]
	ln.mu.Lock()
	defer ln.mu.Unlock()
	c.walkers[lane].walk(ln, b)
}

// plan is what a service's resources have in common: the SLOs that look at them.
type plan struct {
	kinds   uint8 // of all entries
	varies  bool  // an entry depends on more of the resource than its service
	entries []entry
}

// entry is one SLO that looks at a resource's spans.
type entry struct {
	slo   *slo
	judge *judge
	// group counts all its events, once the first one came: until then it is groupUnseen. It is groupBySpan where each
	// event's group depends on its attributes.
	group int32
	// exclude are the bits of the SLO's exclude entries whose resource conditions hold.
	exclude uint64
}

const (
	groupBySpan = -1
	groupUnseen = -2
)

// walker goes over one batch at a time.
type walker struct {
	counter *Counter
	plans   map[string]*plan
	scratch plan // for services beyond plansMax
	now     plan // the plan of the resource at hand, if it varies
	facts   facts
}

func (w *walker) walk(ln *lane, b *spanview.Batch) {
	ln.parents.reset()
	var p *plan
	resource := int32(-1)
	for i := range b.Spans {
		s := &b.Spans[i]
		if s.Resource != resource {
			resource = s.Resource
			p = w.planOf(b, int(resource))
		}
		if p.kinds&kindBit(s.Kind) == 0 {
			continue
		}
		w.facts = facts{slots: &w.counter.slots, batch: b, span: i}
		for k := range p.entries {
			w.observe(ln, &p.entries[k], s)
		}
	}
}

// observe counts a span for one SLO, if it is an event of it.
func (w *walker) observe(ln *lane, e *entry, s *spanview.Span) {
	o, f := e.slo, &w.facts
	if o.kinds&kindBit(s.Kind) == 0 ||
		o.parent != parentAny && !o.parent.allows(f.parent(ln, s)) ||
		!o.match.holdsSpan(f.batch, f.span, s) {
		return
	}
	if r := e.excluded(f, s); r != notExcluded {
		ln.tallies[o.series.id][tallyExcluded+tally(r)]++
		return
	}
	if s.End < s.Start {
		ln.tallies[o.series.id][tallySkew]++
	}
	if o.parent == parentOutside && f.parent(ln, s) == placeUnknown {
		ln.tallies[o.series.id][tallyParentUnknown]++
	}
	group := e.group
	if group < 0 {
		group = o.groupOf(ln, f.batch, f.span, s, w.counter.slots.service)
		if e.group == groupUnseen {
			e.group = group
		}
	}
	ln.add(o.series.id, group, e.judge.bad(f, s))
}

// excluded returns why a request is taken out, or notExcluded.
func (e *entry) excluded(f *facts, s *spanview.Span) reason {
	if e.slo.probes {
		if r := f.probe(s); r != notExcluded {
			return r
		}
	}
	for live := e.exclude; live != 0; live &= live - 1 {
		if e.slo.exclude[bits.TrailingZeros64(live)].holdsSpan(f.batch, f.span, s) {
			return excludedByRule
		}
	}
	return notExcluded
}

// groupOf returns the group of a span's event.
func (s *slo) groupOf(ln *lane, b *spanview.Batch, span int, view *spanview.Span, service spanview.ResourceSlot) int32 {
	key := appendText(ln.key[:0], serviceOf(b, int(view.Resource), service))
	for i := range s.groups {
		v := firstSpan(b, span, s.groups[i].span)
		if !v.Present() {
			v = firstResource(b, int(view.Resource), s.groups[i].resource)
		}
		key = appendValue(key, v)
	}
	ln.key = key
	return s.series.group(ln, key)
}

func serviceOf(b *spanview.Batch, resource int, slot spanview.ResourceSlot) string {
	if v := b.ResourceValue(resource, slot); v.Type == spanview.String && v.Str != "" {
		return v.Str
	}
	return unknownService
}

// planOf returns the plan of a resource; it is valid until the next call.
func (w *walker) planOf(b *spanview.Batch, resource int) *plan {
	service := serviceOf(b, resource, w.counter.slots.service)
	p := w.plans[service]
	if p == nil {
		p = &w.scratch
		if len(w.plans) < plansMax {
			p = &plan{}
			service = strings.Clone(service)
			w.plans[service] = p
		}
		w.plan(p, service)
	}
	if !p.varies {
		return p
	}
	w.now.entries = w.now.entries[:0]
	w.now.kinds = 0
	for _, e := range p.entries {
		if !e.slo.match.holdsResource(b, resource) {
			continue
		}
		for live := e.exclude; live != 0; live &= live - 1 {
			i := bits.TrailingZeros64(live)
			if !e.slo.exclude[i].holdsResource(b, resource) {
				e.exclude &^= 1 << i
			}
		}
		w.now.entries = append(w.now.entries, e)
		w.now.kinds |= e.slo.kinds
	}
	return &w.now
}

// plan makes the plan of a service.
func (w *walker) plan(p *plan, service string) {
	*p = plan{entries: p.entries[:0]}
	for _, s := range w.counter.exact[service] {
		p.add(s, service)
	}
	for _, s := range w.counter.all {
		p.add(s, service)
	}
}

func (p *plan) add(s *slo, service string) {
	e := entry{slo: s, judge: &s.verdictOn(service).judge, group: groupUnseen, exclude: 1<<len(s.exclude) - 1}
	if len(s.groups) > 0 {
		e.group = groupBySpan
	}
	p.entries = append(p.entries, e)
	p.kinds |= s.kinds
	p.varies = p.varies || s.varies
}
