package translate

import (
	"cmp"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// point is the data point that is being translated.
type point struct {
	timestamp int64 // Unix milliseconds
	start     int64 // Unix milliseconds, 0: unknown
	stale     bool
	info      bool // a constant about a target, which no data point stands behind
	key       uint64
	place     int32 // in the buffer, 1 the first; 0: it has no sample yet
	labels    span  // in the arena; empty: they are the buffer's base
}

// placed is what the samples of a data point share.
type placed struct {
	timestamp, start int64
	key              uint64
	labels           span // in the arena, without the name
	family           int32
	info             bool
}

// span is a part of a slice, from an index to before another.
type span struct{ from, to int32 }

// part says which series of its data point a sample is of.
type part uint8

const (
	partValue part = iota
	partSum
	partCount
	partBucket
	partQuantile
)

// sample is one sample of a point.
type sample struct {
	value     float64
	histogram *histogram.Histogram
	text      string // of the bound or quantile
	exemplars span
	point     int32
	part      part
	first     bool // of its point
}

// sample appends a float sample of a point.
func (b *Buffer) sample(f *family, p *point, part part, text string, v float64) *sample {
	if p.stale {
		v = staleMarker
	}
	first := p.place == 0
	if first {
		b.place(f, p)
	}
	b.samples = append(b.samples, sample{value: v, text: text, point: p.place - 1, part: part, first: first})
	return &b.samples[len(b.samples)-1]
}

// place keeps what the samples of a point share.
func (b *Buffer) place(f *family, p *point) {
	labels := p.labels
	if labels == (span{}) {
		labels = b.keepLabels()
	}
	b.placed = append(b.placed, placed{
		timestamp: p.timestamp, start: p.start, key: p.key, labels: labels, family: f.index, info: p.info,
	})
	p.place = int32(len(b.placed))
	if !p.stale {
		b.latest = max(b.latest, p.timestamp)
	}
}

// enterFamily begins a metric.
func (b *Buffer) enterFamily(name metricName, meta remotewrite.Metadata) *family {
	f := family{metricName: name, meta: meta, index: int32(len(b.families))}
	b.families = append(b.families, f)
	return &f
}

// order sorts the samples by time where they aren't. Those of one data point, and points of one time, stay as they came.
func (b *Buffer) order() {
	at := func(s *sample) int64 { return b.placed[s.point].timestamp }
	for i := 1; i < len(b.samples); i++ {
		if at(&b.samples[i]) < at(&b.samples[i-1]) {
			slices.SortStableFunc(b.samples, func(x, y sample) int { return cmp.Compare(at(&x), at(&y)) })
			return
		}
	}
}
