package demo

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// What is counted as slow, the share of the other traces that is kept, and how long their spans are waited for: what
// standalone.yaml says, and Config.
const (
	slowTrace    = 500 * time.Millisecond
	keptPercent  = 1
	decisionWait = 3 * time.Second
)

// Counts is what the shop did and what has to come of it, counted while it is made. No figure is the collector's.
type Counts struct {
	services map[string]*requests
	slos     []events // by objectives
	// open is how long requests came in.
	open                         time.Duration
	traces, kept, rescued, spans int
	// By what is there when a trace is decided: traces without a root, spans and those whose parent is not there by service, and
	// calls that nobody answered by the service that was called.
	rootless                   int
	shown, orphans, unanswered map[string]int
}

// requests are a service's SERVER and CONSUMER spans.
type requests struct {
	all, failed int
	took        map[time.Duration]int
}

type events struct{ good, bad int }

// NewCounts returns counts of nothing.
func NewCounts() *Counts {
	return &Counts{
		services: map[string]*requests{}, slos: make([]events, len(objectives)),
		shown: map[string]int{}, orphans: map[string]int{}, unanswered: map[string]int{},
	}
}

func (c *Counts) add(t *trace) {
	c.traces++
	for i := range t.spans {
		c.addSpan(&t.spans[i])
	}
	shown := t.shown()
	c.addShown(shown)
	if decide(t.id, t.spans) {
		c.kept++
		if !decide(t.id, shown) {
			c.rescued++
		}
	}
}

func (c *Counts) addSpan(s *span) {
	c.spans++
	if s.kind != ptrace.SpanKindServer && s.kind != ptrace.SpanKindConsumer {
		return
	}
	r := c.services[s.service.name]
	if r == nil {
		r = &requests{took: map[time.Duration]int{}}
		c.services[s.service.name] = r
	}
	r.all++
	r.took[s.duration()]++
	if s.failed {
		r.failed++
	}
	for i, o := range objectives {
		if o.service != s.service.name {
			continue
		}
		if s.failed && o.threshold == 0 || o.threshold > 0 && s.duration() > o.threshold {
			c.slos[i].bad++
		} else {
			c.slos[i].good++
		}
	}
}

// shown are the spans that are there when the trace is decided: those that ended, and so came, within decisionWait of the first.
func (t *trace) shown() []span {
	first := slices.MinFunc(t.spans, func(a, b span) int { return a.end.Compare(b.end) }).end
	return slices.DeleteFunc(slices.Clone(t.spans), func(s span) bool { return s.end.Sub(first) > decisionWait })
}

// addShown looks for what is missing: parents, roots, answers. An answer is a direct child here.
func (c *Counts) addShown(spans []span) {
	there, answered, rooted := map[[8]byte]bool{}, map[[8]byte]bool{}, false
	for i := range spans {
		there[spans[i].id], answered[spans[i].parent] = true, true
		rooted = rooted || spans[i].parent == [8]byte{}
	}
	if !rooted {
		c.rootless++
	}
	for i := range spans {
		s := &spans[i]
		c.shown[s.service.name]++
		if s.parent != [8]byte{} && !there[s.parent] {
			c.orphans[s.service.name]++
		}
		if peer := s.attributes["server.address"]; s.kind == ptrace.SpanKindClient && isOfTheShop(peer) && !answered[s.id] {
			c.unanswered[peer]++
		}
	}
}

// decide tells whether a trace with these spans has to be kept: an error, slow, or of the share by its id (OTEP 235: the last
// seven bytes are its randomness, compared with the share that is dropped).
func decide(id [16]byte, spans []span) bool {
	start, end := spans[0].start, spans[0].end
	for _, s := range spans {
		if s.failed {
			return true
		}
		if s.start.Before(start) {
			start = s.start
		}
		if s.end.After(end) {
			end = s.end
		}
	}
	randomness := binary.BigEndian.Uint64(id[8:]) & (1<<56 - 1)
	return end.Sub(start) >= slowTrace || float64(randomness) >= math.Ldexp(1-keptPercent/100.0, 56)
}

// quantile is the duration below or at which a share of the requests lies: the first with so many at or below it.
func (r *requests) quantile(q float64) time.Duration {
	var below int
	for _, d := range slices.Sorted(maps.Keys(r.took)) {
		if below += r.took[d]; float64(below) >= q*float64(r.all) {
			return d
		}
	}
	return 0
}
