package red

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// lane counts what its callers observe, apart from other lanes.
type lane struct {
	mu     sync.Mutex // protects all below
	tables [2]*table  // by family
	key    []byte     // scratch
	series seriesKey  // scratch

	_ [64]byte // lanes don't share cache lines
}

// Observe counts the spans of a batch that was read with the aggregator's schema, and notes the series of each in
// Span.Series. lane is from 0 to Options.Lanes - 1. It allocates only where a key is new since the last flush. The time is
// not used: when a series was active is told by the flush that finds it counted.
func (a *Aggregator) Observe(lane int, b *spanview.Batch, _ time.Time) {
	l := &a.lanes[lane]
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range a.families {
		a.count(l, f, b)
	}
}

func (a *Aggregator) count(l *lane, f *family, b *spanview.Batch) {
	t := l.tables[f.index]
	resource, prefix := int32(-1), 0
	for i := range b.Spans {
		s := &b.Spans[i]
		if s.Resource != resource {
			resource = s.Resource
			prefix = a.startKey(l, f, b.ResourceValues(int(resource)))
		}
		l.key = f.appendRawSpan(l.key[:prefix], s, b.SpanValues(i))
		hash := maphash.Bytes(a.seed, l.key)
		n := t.find(hash, l.key)
		if n < 0 {
			n = a.enter(l, f, hash, b, i)
		}
		s.Series = t.entries[n].id
		cell := t.cell(n)
		cell[cellCalls]++
		switch f.durations {
		case durationsExplicit:
			d := s.Duration()
			addDuration(cell, d)
			cell[cellBuckets+a.bounds.bucket(d)]++
		case durationsExponential:
			d := s.Duration()
			addDuration(cell, d)
			t.hists[n].Update(float64(d) / a.unit)
		}
	}
}

// startKey puts the resource's part of raw keys into l.key and returns its length.
func (a *Aggregator) startKey(l *lane, f *family, resource []spanview.Value) int {
	t := l.tables[f.index]
	l.key = f.appendRawResource(l.key[:0], resource)
	hash := maphash.Bytes(a.seed, l.key)
	n := t.find(hash, l.key)
	if n < 0 {
		if len(t.entries) >= a.registry.seriesMax() {
			return len(l.key)
		}
		n = t.insert(hash, l.key, nil)
	}
	l.key = binary.LittleEndian.AppendUint32(append(l.key[:0], keyRaw), uint32(n))
	return len(l.key)
}

// enter gives the key in l.key an entry.
func (a *Aggregator) enter(l *lane, f *family, hash uint64, b *spanview.Batch, span int) int {
	t := l.tables[f.index]
	l.series.build(f, b, span)
	s := a.registry.acquire(f, &l.series, b, span)
	if !s.overflow && len(t.entries) < a.registry.seriesMax() {
		return t.insert(hash, l.key, s)
	}
	// Keys that overflow, and spellings of the same labels beyond as many as there are series, get no entries of their
	// own: the table would have no bound.
	l.series.key = append(l.series.key[:0], s.key...)
	hash = maphash.Bytes(a.seed, l.series.key)
	if n := t.find(hash, l.series.key); n >= 0 {
		return n
	}
	return t.insert(hash, l.series.key, s)
}
