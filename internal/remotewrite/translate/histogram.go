package translate

import (
	"math"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// histograms translates explicit histograms into classic ones.
func (t *Translator) histograms(b *Buffer, f *family, points pmetric.HistogramDataPointSlice) {
	for _, in := range points.All() {
		bounds, counts := in.ExplicitBounds(), in.BucketCounts()
		stale := in.Flags().NoRecordedValue()
		// A point without a value has no counts, but its bounds tell which series end.
		if !increasing(bounds) || !stale && counts.Len() != bounds.Len()+1 && counts.Len()+bounds.Len() > 0 {
			b.Dropped[InvalidHistogram]++
			continue
		}
		p, ok := enterPoint(t, b, f, in)
		if !ok {
			continue
		}
		b.sample(f, &p, partCount, "", float64(in.Count()))
		// Whether the series has a sum can't be seen from a point without a value: it ends in any case.
		if in.HasSum() || stale {
			b.sample(f, &p, partSum, "", in.Sum())
		}
		exemplars := t.exemplars(b, in.Exemplars(), p.timestamp)
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
			s := b.sample(f, &p, partBucket, b.bound(bound), float64(cumulative))
			s.exemplars, exemplars = b.exemplarsWithin(exemplars, lower, bound)
			lower = bound
		}
		s := b.sample(f, &p, partBucket, "+Inf", float64(in.Count()))
		s.exemplars, _ = b.exemplarsWithin(exemplars, lower, math.Inf(1))
	}
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
