package red

import "sync/atomic"

// counters count since the start.
type counters struct {
	overflowSpans atomic.Uint64
	expired       atomic.Uint64
	exemplars     atomic.Uint64
}

// Stats is what the aggregator holds now and has counted, as of the last flush, since its start.
type Stats struct {
	// Series is how many series there are, SeriesLimit how many there can be; overflow series apart.
	Series, SeriesLimit int
	// OverflowSeries is how many overflow series there are: services beyond their share of the limit.
	OverflowSeries int
	// Services is how many services have series.
	Services int
	// OverflowSpans is how many spans overflow series counted.
	OverflowSpans uint64
	// ExpiredSeries is how many series expired.
	ExpiredSeries uint64
	// Exemplars is how many exemplars were sent.
	Exemplars uint64
}

// Stats may be called from many goroutines.
func (a *Aggregator) Stats() Stats {
	r := a.registry
	r.mu.Lock()
	s := Stats{Series: r.live, SeriesLimit: r.limit, OverflowSeries: r.overflows, Services: len(r.services)}
	for _, shared := range r.overflow {
		if shared != nil {
			s.OverflowSeries++
		}
	}
	r.mu.Unlock()
	s.OverflowSpans = a.counters.overflowSpans.Load()
	s.ExpiredSeries = a.counters.expired.Load()
	s.Exemplars = a.counters.exemplars.Load()
	return s
}

// ServiceSeries is how many series a service has.
type ServiceSeries struct {
	Namespace, Name string
	Series          int
}

// Services returns those that have series, in no order. It may be called from many goroutines.
func (a *Aggregator) Services() []ServiceSeries {
	r := a.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]ServiceSeries, 0, len(r.services))
	for key, s := range r.services {
		namespace, name := serviceNames(key)
		out = append(out, ServiceSeries{namespace, name, s.live})
	}
	return out
}

// Bytes estimates the memory of series and lanes as of the last flush.
func (a *Aggregator) Bytes() int64 { return a.bytes.Load() }

// What a series takes beside its key, totals and histogram: its structs and its places in maps and lists, and for each
// label pdata's structs (its texts are about as long as the key that is made of them).
const (
	seriesOverhead = 600
	labelOverhead  = 64
)

// estimate adds up the series' memory and that of the lanes' tables.
func (a *Aggregator) estimate(tables int64) int64 {
	n := tables
	for _, res := range a.resources {
		for i, list := range res.series {
			for _, s := range list {
				n += seriesOverhead + labelOverhead*int64(s.attributes.Len()) + 2*int64(len(s.key)) +
					8*int64(len(s.totals)) + histogramBytes(a.families[i].maxSize)
			}
		}
	}
	return n
}
