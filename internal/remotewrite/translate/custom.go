package translate

import (
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// customHistogram translates an explicit histogram into a native one with custom buckets. What is above all bounds is what
// the count says beyond the other buckets, as in classic ones, whose bucket +Inf is the count. A stale marker keeps the
// bounds: they tell which classic series end where it becomes those. It returns nil where the buckets exceed the count.
func (b *Buffer) customHistogram(in pmetric.HistogramDataPoint, stale bool) *histogram.Histogram {
	h := &histogram.Histogram{
		CounterResetHint: histogram.UnknownCounterReset,
		Schema:           histogram.CustomBucketsSchema,
		CustomValues:     b.customBounds(in.ExplicitBounds()),
	}
	if stale {
		h.Sum = staleMarker
		return h
	}
	h.Count, h.Sum = in.Count(), in.Sum()
	buckets := sparse{}
	above, counts := h.Count, in.BucketCounts()
	for i := range min(len(h.CustomValues), counts.Len()) {
		count := counts.At(i)
		if count > above {
			return nil
		}
		above -= count
		buckets.add(int32(i), int64(count))
	}
	buckets.add(int32(len(h.CustomValues)), int64(above))
	h.PositiveSpans, h.PositiveBuckets = buckets.spans, buckets.deltas
	if h.Validate() != nil {
		return nil
	}
	return h
}

// customBounds returns bounds without +Inf, in memory that never changes. Neighbours have the same mostly.
func (b *Buffer) customBounds(in pcommon.Float64Slice) []float64 {
	n := in.Len()
	if n > 0 && math.IsInf(in.At(n-1), 1) {
		n--
	}
	same := len(b.custom) == n
	for i := 0; same && i < n; i++ {
		same = b.custom[i] == in.At(i)
	}
	if !same {
		b.custom = make([]float64, n)
		for i := range b.custom {
			b.custom[i] = in.At(i)
		}
	}
	return b.custom
}

// sparse makes spans and differences between neighbours of counts that are added by rising index.
type sparse struct {
	spans    []histogram.Span
	deltas   []int64
	next     int32 // index that the next bucket has without a gap
	previous int64 // count of the bucket before
}

func (s *sparse) add(index int32, count int64) {
	if count == 0 {
		return
	}
	gap := index - s.next
	if len(s.spans) == 0 || gap > maxGap {
		s.spans = append(s.spans, histogram.Span{Offset: gap})
		gap = 0
	}
	span := &s.spans[len(s.spans)-1]
	for range gap {
		s.deltas = append(s.deltas, -s.previous)
		s.previous = 0
	}
	s.deltas = append(s.deltas, count-s.previous)
	span.Length += uint32(gap) + 1
	s.previous, s.next = count, index+1
}
