package coverage

import (
	"math"
	"sync"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// arrivals are the spans that came: so many, of so many bytes, with their ages, the time from a span's end by its service's clock to
// its arrival.
type arrivals struct {
	spans, bytes uint64
	aged         uint64 // spans that have an end
	age          float64
	youngest     int64 // nanoseconds; below 0: its clock is ahead
	oldest       int64
}

var noArrivals = arrivals{youngest: math.MaxInt64, oldest: math.MinInt64}

func (a *arrivals) add(s *spanview.Span, now int64) {
	a.spans++
	a.bytes += uint64(s.Raw.Len)
	if s.End == 0 || s.End > math.MaxInt64 {
		return
	}
	age := now - int64(s.End)
	a.aged++
	a.age += float64(age)
	a.youngest = min(a.youngest, age)
	a.oldest = max(a.oldest, age)
}

func (a *arrivals) merge(b *arrivals) {
	a.spans += b.spans
	a.bytes += b.bytes
	a.aged += b.aged
	a.age += b.age
	a.youngest = min(a.youngest, b.youngest)
	a.oldest = max(a.oldest, b.oldest)
}

// arrived is what came of a service.
type arrived struct {
	mu         sync.Mutex
	sinceFlush arrivals
	// Since it is known.
	spans, bytes uint64
}

func (a *arrived) add(more *arrivals) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sinceFlush.merge(more)
	a.spans += more.spans
	a.bytes += more.bytes
}

// take returns what came since it was called last.
func (a *arrived) take() arrivals {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.sinceFlush
	a.sinceFlush = noArrivals
	return out
}

// arrivalsKept is how many resources' a lane keeps the memory of; a request that has more is outsized.
const arrivalsKept = 1 << 12

// measure adds up a batch by resource.
func (ln *lane) measure(b *spanview.Batch, now time.Time) {
	if cap(ln.arrivals) > arrivalsKept {
		ln.arrivals = nil
	}
	ln.arrivals = ln.arrivals[:0]
	for range b.Resources {
		ln.arrivals = append(ln.arrivals, noArrivals)
	}
	nanos := now.UnixNano()
	for i := range b.Spans {
		s := &b.Spans[i]
		ln.arrivals[s.Resource].add(s, nanos)
	}
}

// Kept counts a kept trace for the services that take part in it: the service numbers of its spans, in any order.
func (c *Coverage) Kept(services []uint32) {
	if !c.cfg.Enabled {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept++
	for _, number := range services {
		if s := c.services.byNumber[number]; s != nil && s.keptLast != c.kept {
			s.keptLast = c.kept
			s.kept++
		}
	}
}

// Service is what came of a service since it is known.
type Service struct {
	Namespace, Name string
	Spans, Bytes    uint64
	// KeptTraces are those that had a span of it when they were decided, or brought back whole.
	KeptTraces uint64
}

// Services returns all services that are told apart, in no order.
func (c *Coverage) Services() []Service {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Service, 0, len(c.services.byKey))
	for _, s := range c.services.byKey {
		a := &s.arrived
		a.mu.Lock()
		out = append(out, Service{s.namespace, s.name, a.spans, a.bytes, s.kept})
		a.mu.Unlock()
	}
	return out
}

// ServiceName returns the name of the service behind a number, empty for one that is none or was forgotten.
func (c *Coverage) ServiceName(number uint32) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.services.byNumber[number]; s != nil {
		return s.name
	}
	return ""
}
