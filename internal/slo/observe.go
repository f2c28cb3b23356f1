package slo

import (
	"math/bits"
	"strings"
	"time"
	"unsafe"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// plansMax bounds the services whose plan a lane remembers; further ones are planned anew for every resource.
const plansMax = 10_000

// Observe counts the events of a batch that was read with the counter's schema, and sets what they mean to SLOs in their
// spans: whether they are bad, and whether the budget that they count for burns. lane is from 0 to Options.Lanes - 1;
// callers that share a lane wait for one another. Counting needs no time: events count when they come.
func (c *Counter) Observe(lane int, b *spanview.Batch, _ time.Time) { c.look(lane, b, true) }

// Judge does the same to spans that were counted before, by another process: it sets which are bad, and counts nothing.
func (c *Counter) Judge(lane int, b *spanview.Batch) { c.look(lane, b, false) }

func (c *Counter) look(lane int, b *spanview.Batch, counts bool) {
	if len(c.slos) == 0 {
		return
	}
	ln := c.ledger.lanes[lane]
	ln.mu.Lock()
	defer ln.mu.Unlock()
	w := &c.walkers[lane]
	w.counts = counts
	w.walk(ln, b)
}

// plan is what a service's resources have in common: the SLOs that look at them.
type plan struct {
	kinds   uint8 // of all entries
	varies  bool  // an entry depends on more of the resource than its service
	entries []entry
}

// entry is one SLO that looks at a resource's spans, with what most spans need of it close together.
type entry struct {
	slo       *slo
	threshold uint64     // of the service; never reached where latency is not judged
	errors    *errorRule // of the service; nil where errors are not judged
	// exclude are the bits of the SLO's exclude entries whose resource conditions hold.
	exclude uint64
	series  int32
	// group counts all its events, once the first one came: until then it is groupUnseen. It is groupBySpan where each
	// event's group depends on its attributes.
	group  int32
	kinds  uint8
	parent parentRule
	narrow bool // the SLO's match has conditions on spans
	probes bool // probes are taken out
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
	// counts: events are counted, not only judged.
	counts bool
	// burning is what burns while a batch is walked; empty where nothing does.
	burning burning
}

func (w *walker) walk(ln *lane, b *spanview.Batch) {
	ln.parents.reset()
	w.burning = nil
	if now := w.counter.ledger.burner.now.Load(); now != nil {
		w.burning = *now
	}
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
		w.facts = facts{slots: &w.counter.slots, batch: b, span: i, kind: kindBit(s.Kind)}
		for k := range p.entries {
			w.observe(ln, &p.entries[k], s)
		}
	}
}

// observe judges a span by one SLO, and counts it, if it is an event of it.
func (w *walker) observe(ln *lane, e *entry, s *spanview.Span) {
	f := &w.facts
	if e.kinds&f.kind == 0 ||
		e.parent != parentAny && !e.parent.allows(f.parent(ln, s)) ||
		e.narrow && !e.slo.match.holdsSpan(f.batch, f.span, s) {
		return
	}
	excluded := e.excluded(f, s)
	bad := excluded == notExcluded && e.bad(f, s)
	if bad {
		s.SLO |= spanview.SLOBad
	}
	if w.counts {
		w.count(ln, e, s, excluded, bad)
	}
}

// count counts an event.
func (w *walker) count(ln *lane, e *entry, s *spanview.Span, excluded reason, bad bool) {
	f := &w.facts
	if excluded != notExcluded {
		ln.tallies[e.series][tallyExcluded+tally(excluded)]++
		return
	}
	if s.End < s.Start {
		ln.tallies[e.series][tallySkew]++
	}
	if e.parent == parentOutside && f.place == placeUnknown {
		ln.tallies[e.series][tallyParentUnknown]++
	}
	group := e.group
	if group < 0 {
		group = e.slo.groupOf(ln, f.batch, f.span, s, f.slots.service)
		if e.group == groupUnseen {
			e.group = group
		}
	}
	ln.add(e.series, group, bad)
	if len(w.burning) > 0 && w.burning.has(e.series, group) {
		s.SLO |= spanview.SLOBurning
	}
}

// bad reports whether an event is slow or failed; one that is both is bad once.
func (e *entry) bad(f *facts, s *spanview.Span) bool {
	return s.Duration() > e.threshold || e.errors != nil && f.failed(e.errors, s)
}

// excluded returns why a request is taken out, or notExcluded.
func (e *entry) excluded(f *facts, s *spanview.Span) reason {
	if e.probes {
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
		p = w.plan(service)
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

// plan makes the plan of a service, and remembers it where there is room.
func (w *walker) plan(service string) *plan {
	p := &w.scratch
	remember := len(w.plans) < plansMax && len(service) <= valueMax
	if remember {
		p = &plan{}
		service = strings.Clone(service)
		w.plans[service] = p
	}
	*p = plan{entries: p.entries[:0]}
	for _, s := range w.counter.exact[service] {
		p.add(s, service)
	}
	for _, s := range w.counter.all {
		p.add(s, service)
	}
	if remember {
		w.counter.planned.Add(planBytes + int64(len(service)) + int64(len(p.entries))*int64(unsafe.Sizeof(entry{})))
	}
	return p
}

func (p *plan) add(s *slo, service string) {
	judge := &s.verdictOn(service).judge
	e := entry{
		slo: s, threshold: judge.threshold, errors: judge.errors, exclude: 1<<len(s.exclude) - 1,
		series: int32(s.series.id), group: groupUnseen,
		kinds: s.kinds, parent: s.parent, narrow: s.match.name != nil || len(s.match.span) > 0, probes: s.probes,
	}
	if len(s.groups) > 0 {
		e.group = groupBySpan
	}
	p.entries = append(p.entries, e)
	p.kinds |= s.kinds
	p.varies = p.varies || s.varies
}
