package translate

import (
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// histograms translates explicit histograms.
func (t *Translator) histograms(b *Buffer, f *family, points pmetric.HistogramDataPointSlice) {
	for _, in := range points.All() {
		if !consistent(in) {
			b.Dropped[InvalidHistogram]++
			continue
		}
		if p, ok := enterPoint(t, b, f, in); ok {
			t.histogram(b, f, &p, in, in.Exemplars())
		}
	}
}

// consistent reports whether bounds and counts of a histogram fit. A point without a value has no counts, but its bounds
// tell which series end.
func consistent(in pmetric.HistogramDataPoint) bool {
	bounds, counts := in.ExplicitBounds(), in.BucketCounts()
	return increasing(bounds) && (in.Flags().NoRecordedValue() || counts.Len() == bounds.Len()+1 || counts.Len()+bounds.Len() == 0)
}

// histogram translates one explicit histogram into a classic one, a native one with custom buckets, or both. The classic
// one comes first: an encoder that can't send the other finds it there.
func (t *Translator) histogram(b *Buffer, f *family, p *point, in pmetric.HistogramDataPoint, exemplars pmetric.ExemplarSlice) {
	if !t.settings.CustomBuckets {
		t.classic(b, f, p, in, t.exemplars(b, exemplars, p.timestamp))
		return
	}
	h := b.customHistogram(in, p.stale)
	if h == nil {
		b.Dropped[InvalidHistogram]++
		return
	}
	all := t.exemplars(b, exemplars, p.timestamp)
	if t.settings.KeepClassic {
		t.classic(b, f, p, in, b.copyExemplars(all))
	}
	b.native(f, p, h).exemplars = all
}

// native adds a native histogram.
func (b *Buffer) native(f *family, p *point, h *histogram.Histogram) *sample {
	s := b.sample(f, p, partValue, "", 0)
	s.histogram, s.value = h, 0
	return s
}

// classic adds the series of a classic histogram.
func (t *Translator) classic(b *Buffer, f *family, p *point, in pmetric.HistogramDataPoint, exemplars span) {
	bounds, counts := in.ExplicitBounds(), in.BucketCounts()
	b.sample(f, p, partCount, "", float64(in.Count()))
	// Whether the series has a sum can't be seen from a point without a value: it ends in any case.
	if in.HasSum() || p.stale {
		b.sample(f, p, partSum, "", in.Sum())
	}
	cumulative := uint64(0)
	lower := math.Inf(-1)
	for i := range bounds.Len() {
		bound := bounds.At(i)
		if math.IsInf(bound, 1) {
			break // the last bucket says the same
		}
		if i < counts.Len() {
			cumulative += counts.At(i)
		}
		s := b.sample(f, p, partBucket, b.bound(bound), float64(cumulative))
		s.exemplars, exemplars = b.exemplarsWithin(exemplars, lower, bound)
		lower = bound
	}
	s := b.sample(f, p, partBucket, "+Inf", float64(in.Count()))
	s.exemplars, _ = b.exemplarsWithin(exemplars, lower, math.Inf(1))
}

func increasing(bounds pcommon.Float64Slice) bool {
	for i := range bounds.Len() {
		if math.IsNaN(bounds.At(i)) || i > 0 && bounds.At(i) <= bounds.At(i-1) {
			return false
		}
	}
	return true
}

// bound returns a bucket's bound or a quantile as label value: the shortest decimal that reads back as the same number.
func (b *Buffer) bound(v float64) string {
	s, ok := b.bounds[v]
	if !ok {
		s = strconv.FormatFloat(v, 'f', -1, 64)
		if len(b.bounds) <= maxRemembered {
			b.bounds[v] = s
		}
	}
	return s
}
