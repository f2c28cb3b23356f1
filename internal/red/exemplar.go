package red

import (
	"cmp"
	"math/bits"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Exemplar is a span of a kept trace.
type Exemplar struct {
	TraceID       [16]byte
	SpanID        [8]byte
	DurationNanos uint64
	Timestamp     uint64 // the span's end, Unix nanoseconds
}

// exemplars are what was offered since the last flush, at most max of a series.
type exemplars struct {
	max       int
	seriesMax int
	bounds    *bounds

	mu      sync.Mutex // protects all below
	pending map[uint32][]Exemplar
	free    [][]Exemplar // empty lists: the memory of those that left with the last flush
}

func newExemplars(maxPerSeries, seriesMax int, b *bounds) *exemplars {
	return &exemplars{max: maxPerSeries, seriesMax: seriesMax, bounds: b, pending: map[uint32][]Exemplar{}}
}

// Exemplar offers a span of a kept trace to the series that counted it, which is its Span.Series; 0 and series that are
// gone by the next flush are ignored. Of a series the latest of each bucket stays, and of more than max_per_data_point the
// latest. They leave with the next flush. It may be called from many goroutines.
func (a *Aggregator) Exemplar(series uint32, e Exemplar) {
	if a.exemplars != nil && series != 0 {
		a.exemplars.offer(series, e)
	}
}

func (x *exemplars) offer(series uint32, e Exemplar) {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.pending[series]
	if list == nil && len(x.pending) >= x.seriesMax {
		return
	}
	if list == nil {
		list = x.list()
	}
	bucket := x.bucket(e.DurationNanos)
	replace := -1
	for i := range list {
		switch {
		case x.bucket(list[i].DurationNanos) == bucket:
			if list[i].Timestamp < e.Timestamp {
				list[i] = e
			}
			return
		case replace < 0 || list[i].Timestamp < list[replace].Timestamp:
			replace = i
		}
	}
	if len(list) < x.max {
		x.pending[series] = append(list, e)
	} else if list[replace].Timestamp < e.Timestamp {
		list[replace] = e
	}
}

// bucket tells durations apart by bucket, or, without explicit buckets, by power of two.
func (x *exemplars) bucket(nanos uint64) int {
	if x.bounds == nil {
		return bits.Len64(nanos)
	}
	return x.bounds.bucket(nanos)
}

// take returns what was offered and starts anew.
func (x *exemplars) take() map[uint32][]Exemplar {
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	pending := x.pending
	x.pending = make(map[uint32][]Exemplar, len(pending))
	return pending
}

// list returns an empty list.
func (x *exemplars) list() []Exemplar {
	last := len(x.free) - 1
	if last < 0 {
		return nil
	}
	list := x.free[last]
	x.free[last] = nil
	x.free = x.free[:last]
	return list
}

// giveBack takes lists back that were taken and are done with.
func (x *exemplars) giveBack(taken map[uint32][]Exemplar) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.free)
	x.free = slices.Grow(x.free[:0], len(taken))
	for _, list := range taken {
		x.free = append(x.free, list[:0])
	}
}

// sendable returns, in order of time, the exemplars that Prometheus takes after those sent before: each of a later
// millisecond than the last. One from the future would shut out all that follow.
func (s *series) sendable(offered []Exemplar, now pcommon.Timestamp) []Exemplar {
	slices.SortFunc(offered, func(a, b Exemplar) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	sendable := offered[:0]
	for _, e := range offered {
		ms := int64(e.Timestamp / uint64(time.Millisecond))
		if ms > s.exemplar && e.Timestamp <= uint64(now) {
			s.exemplar = ms
			sendable = append(sendable, e)
		}
	}
	return sendable
}

func writeExemplars(to pmetric.ExemplarSlice, list []Exemplar, unit float64) {
	to.EnsureCapacity(len(list))
	for i := range list {
		e := to.AppendEmpty()
		e.SetTraceID(list[i].TraceID)
		e.SetSpanID(list[i].SpanID)
		e.SetTimestamp(pcommon.Timestamp(list[i].Timestamp))
		e.SetDoubleValue(float64(list[i].DurationNanos) / unit)
	}
}
