package translate

import (
	"github.com/prometheus/prometheus/model/histogram"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const (
	// zeroThreshold is the width of the zero bucket where the point doesn't say: the smallest that Prometheus uses.
	zeroThreshold = 1e-128
	// maxGap is how many empty buckets are written out before a new span is cheaper. Prometheus' own writers use it too.
	maxGap = 2
)

// natives translates exponential histograms into native ones.
func (t *Translator) natives(b *Buffer, f *family, points pmetric.ExponentialHistogramDataPointSlice) {
	for _, in := range points.All() {
		if in.Scale() < histogram.ExponentialSchemaMin {
			b.Dropped[HistogramScale]++
			continue
		}
		p, ok := enterPoint(t, b, f, in)
		if !ok {
			continue
		}
		h := nativeHistogram(in)
		if p.stale {
			h = &histogram.Histogram{Schema: h.Schema, ZeroThreshold: h.ZeroThreshold, Sum: staleMarker}
		} else if h.Validate() != nil {
			b.Dropped[InvalidHistogram]++
			continue
		}
		s := b.sample(f, &p, partValue, "", 0)
		s.histogram, s.value = h, 0
		s.exemplars = t.exemplars(b, in.Exemplars(), p.timestamp)
	}
}

// nativeHistogram translates one point. Scales beyond what native histograms have are made coarser.
func nativeHistogram(in pmetric.ExponentialHistogramDataPoint) *histogram.Histogram {
	coarser := max(in.Scale()-histogram.ExponentialSchemaMax, 0)
	h := &histogram.Histogram{
		// Unknown is always safe: whether the counter was reset is for the receiver to find out.
		CounterResetHint: histogram.UnknownCounterReset,
		Schema:           in.Scale() - coarser,
		ZeroThreshold:    in.ZeroThreshold(),
		ZeroCount:        in.ZeroCount(),
		Count:            in.Count(),
		Sum:              in.Sum(),
	}
	if h.ZeroThreshold == 0 {
		h.ZeroThreshold = zeroThreshold
	}
	h.PositiveSpans, h.PositiveBuckets = sparseBuckets(in.Positive(), coarser)
	h.NegativeSpans, h.NegativeBuckets = sparseBuckets(in.Negative(), coarser)
	return h
}

// sparseBuckets translates a dense range of buckets into spans of differences between neighbours. OTLP's bucket i is
// (base^i, base^(i+1)], Prometheus' (base^(i-1), base^i]: hence the 1. coarser merges 2^coarser buckets into one.
func sparseBuckets(in pmetric.ExponentialHistogramDataPointBuckets, coarser int32) (spans []histogram.Span, deltas []int64) {
	counts := in.BucketCounts()
	next := int32(0)     // index that the next bucket would have without a gap
	previous := int64(0) // count of the bucket before
	for i := 0; i < counts.Len(); {
		index := (in.Offset()+int32(i))>>coarser + 1
		count := int64(0)
		for ; i < counts.Len() && (in.Offset()+int32(i))>>coarser+1 == index; i++ {
			count += int64(counts.At(i))
		}
		if count == 0 {
			continue
		}
		gap := index - next
		if len(spans) == 0 || gap > maxGap {
			spans = append(spans, histogram.Span{Offset: gap})
			gap = 0
		}
		span := &spans[len(spans)-1]
		for range gap {
			deltas = append(deltas, -previous)
			previous = 0
		}
		deltas = append(deltas, count-previous)
		span.Length += uint32(gap) + 1
		previous, next = count, index+1
	}
	return spans, deltas
}
