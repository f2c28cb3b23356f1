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
		h, ok := b.nativeOf(in)
		if !ok {
			continue
		}
		p, ok := enterPoint(t, b, f, in)
		if !ok {
			continue
		}
		b.native(f, &p, h).exemplars = t.exemplars(b, in.Exemplars(), p.timestamp)
	}
}

// nativeOf translates one point, to a stale marker where it has no value. It reports false, with the point counted, where
// there is no such native histogram.
func (b *Buffer) nativeOf(in pmetric.ExponentialHistogramDataPoint) (*histogram.Histogram, bool) {
	if in.Scale() < histogram.ExponentialSchemaMin {
		b.Dropped[HistogramScale]++
		return nil, false
	}
	h := nativeHistogram(in)
	if in.Flags().NoRecordedValue() {
		return staleNative(h), true
	}
	if h.Validate() != nil {
		b.Dropped[InvalidHistogram]++
		return nil, false
	}
	return h, true
}

func staleNative(h *histogram.Histogram) *histogram.Histogram {
	return &histogram.Histogram{Schema: h.Schema, ZeroThreshold: h.ZeroThreshold, Sum: staleMarker}
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
func sparseBuckets(in pmetric.ExponentialHistogramDataPointBuckets, coarser int32) ([]histogram.Span, []int64) {
	counts := in.BucketCounts()
	buckets := sparse{}
	for i := 0; i < counts.Len(); {
		index := (in.Offset()+int32(i))>>coarser + 1
		count := int64(0)
		for ; i < counts.Len() && (in.Offset()+int32(i))>>coarser+1 == index; i++ {
			count += int64(counts.At(i))
		}
		buckets.add(index, count)
	}
	return buckets.spans, buckets.deltas
}
