package translate

import (
	"cmp"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// deltaPoint is a point of delta temporality. It waits until all points of its payload are known, and those before it
// are accumulated.
type deltaPoint struct {
	point     point
	family    int32
	kind      deltaKind
	number    pmetric.NumberDataPoint
	explicit  pmetric.HistogramDataPoint
	native    *histogram.Histogram
	exemplars pmetric.ExemplarSlice
}

// deltaKind is what a series accumulates.
type deltaKind uint8

const (
	deltaCounter deltaKind = iota
	deltaUpDown            // a sum that goes down too
	deltaExplicit
	deltaNative
)

// collectDeltas keeps the points of a metric for accumulate.
func (t *Translator) collectDeltas(b *Buffer, f *family, m pmetric.Metric) {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		kind := deltaUpDown
		if m.Sum().IsMonotonic() {
			kind = deltaCounter
		}
		for _, in := range m.Sum().DataPoints().All() {
			// What is no number would make the series none for ever.
			if v, ok := number(in); (!ok || math.IsNaN(v)) && !in.Flags().NoRecordedValue() {
				b.Dropped[NoValue]++
			} else if p, ok := enterPoint(t, b, f, in); ok {
				b.collect(f, &p, &deltaPoint{kind: kind, number: in, exemplars: in.Exemplars()})
			}
		}
	case pmetric.MetricTypeHistogram:
		for _, in := range m.Histogram().DataPoints().All() {
			if !consistent(in) || bucketsExceedCount(in) {
				b.Dropped[InvalidHistogram]++
			} else if p, ok := enterPoint(t, b, f, in); ok {
				b.collect(f, &p, &deltaPoint{kind: deltaExplicit, explicit: in, exemplars: in.Exemplars()})
			}
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, in := range m.ExponentialHistogram().DataPoints().All() {
			if h, ok := b.nativeOf(in); !ok {
				continue
			} else if p, ok := enterPoint(t, b, f, in); ok {
				b.collect(f, &p, &deltaPoint{kind: deltaNative, native: h, exemplars: in.Exemplars()})
			}
		}
	}
}

func (b *Buffer) collect(f *family, p *point, d *deltaPoint) {
	p.labels = b.keepLabels()
	d.point, d.family = *p, f.index
	b.deltas = append(b.deltas, *d)
	if !p.stale {
		b.latest = max(b.latest, p.timestamp)
	}
}

// bucketsExceedCount reports whether a histogram says that fewer values were counted than are in its buckets below +Inf.
// Once that is added to others it can't be told any more.
func bucketsExceedCount(in pmetric.HistogramDataPoint) bool {
	left, counts := in.Count(), in.BucketCounts()
	for i := range min(in.ExplicitBounds().Len(), counts.Len()) {
		if counts.At(i) > left {
			return true
		}
		left -= counts.At(i)
	}
	return false
}

// accumulate makes the delta points cumulative, in time order.
func (t *Translator) accumulate(b *Buffer) {
	slices.SortStableFunc(b.deltas, func(x, y deltaPoint) int { return cmp.Compare(x.point.timestamp, y.point.timestamp) })
	b.base = b.base[:0] // what place takes where a point has no labels
	for i := range b.deltas {
		d := &b.deltas[i]
		f := &b.families[d.family]
		id := b.accumulator.identity(b.share.Name, f.name, b.arena[d.point.labels.from:d.point.labels.to], d)
		var total accumulated
		var why Reason
		var ok bool
		if d.point.stale {
			total, ok = b.accumulator.forget(id, d.point.timestamp)
			why = DeltaOutOfOrder
		} else {
			total, why, ok = b.accumulator.add(id, d)
			d.point.start = total.start
		}
		if !ok {
			b.Dropped[why]++
			continue
		}
		t.total(b, f, d, &total)
	}
}

// total adds the series of what was accumulated for a point.
func (t *Translator) total(b *Buffer, f *family, d *deltaPoint, total *accumulated) {
	p := &d.point
	switch d.kind {
	case deltaCounter:
		b.sample(f, p, partValue, "", total.number()).exemplars = t.exemplars(b, d.exemplars, p.timestamp)
	case deltaUpDown:
		p.start = 0
		b.sample(f, p, partValue, "", total.number())
	case deltaExplicit:
		in := d.explicit
		if total.explicit != nil {
			in = b.explicit(total.explicit)
		}
		t.histogram(b, f, p, in, d.exemplars)
	case deltaNative:
		h := staleNative(d.native)
		if !p.stale {
			h = integers(total.native)
		}
		b.native(f, p, h).exemplars = t.exemplars(b, d.exemplars, p.timestamp)
	}
}

// explicit returns what was accumulated as a point, which is valid until the next call.
func (b *Buffer) explicit(e *explicit) pmetric.HistogramDataPoint {
	if b.scratch == nil {
		b.scratch = new(pmetric.NewHistogramDataPoint())
	}
	p := *b.scratch
	p.ExplicitBounds().FromRaw(e.bounds)
	p.BucketCounts().FromRaw(e.counts)
	p.SetCount(e.count)
	p.RemoveSum()
	if e.hasSum {
		p.SetSum(e.sum)
	}
	return p
}

// keepLabels copies the labels in b.base to the arena.
func (b *Buffer) keepLabels() span {
	from := int32(len(b.arena))
	b.arena = append(b.arena, b.base...)
	return span{from, int32(len(b.arena))}
}

// unknownStart is the start of a series whose first point doesn't say when it began, Unix milliseconds.
func unknownStart(timestamp int64) int64 { return timestamp - 1 }
