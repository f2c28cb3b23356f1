package translate

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// accumulated is the sum of the delta points of a series. What it points to never changes: a copy is a memory of how it
// was.
type accumulated struct {
	start, last int64 // Unix milliseconds; 0: there was no point yet
	integer     int64 // sum of the integers among the points
	double      float64
	explicit    *explicit
	native      *histogram.FloatHistogram
}

// explicit is the sum of explicit histograms. What is above all bounds is what count says beyond counts.
type explicit struct {
	bounds []float64
	counts []uint64 // of each bound, and 0
	count  uint64
	sum    float64
	hasSum bool // all points had one
}

// maxNativeBuckets bounds a native histogram; SDKs send up to 160 for each sign. One with more is made coarser.
const maxNativeBuckets = 320

// add adds a point that is newer than what was added before. It fails where a native histogram has too many buckets
// at its coarsest; then it is not what it was.
func (s *accumulated) add(a *Accumulator, d *deltaPoint) bool {
	p := &d.point
	begun := p.start
	if begun <= 0 || begun >= p.timestamp {
		begun = unknownStart(p.timestamp)
	}
	first := s.last == 0
	switch d.kind {
	case deltaCounter, deltaUpDown:
		s.addNumber(d.number)
	case deltaExplicit:
		if !first && !sameBounds(s.explicit.bounds, d.explicit) {
			// With other buckets it is another histogram: it begins where the one before ended.
			s.explicit, s.start = nil, max(begun, s.last)
		}
		s.explicit = s.explicit.plus(a, d.explicit)
	case deltaNative:
		s.native = plusNative(s.native, d.native)
		if s.native == nil {
			return false
		}
	}
	if first {
		s.start = begun
	}
	s.last = p.timestamp
	return true
}

func (s *accumulated) addNumber(in pmetric.NumberDataPoint) {
	if in.ValueType() != pmetric.NumberDataPointValueTypeInt {
		s.double += in.DoubleValue()
		return
	}
	v := in.IntValue()
	if sum := s.integer + v; (sum > s.integer) == (v > 0) {
		s.integer = sum
		return
	}
	s.double += float64(s.integer) // no room for both
	s.integer = v
}

func (s *accumulated) number() float64 { return float64(s.integer) + s.double }

func sameBounds(bounds []float64, in pmetric.HistogramDataPoint) bool {
	other := in.ExplicitBounds()
	if len(bounds) != other.Len() {
		return false
	}
	for i := range bounds {
		if bounds[i] != other.At(i) {
			return false
		}
	}
	return true
}

// plus returns the sum of a histogram and one of the same bounds; nil: of nothing and that one.
func (e *explicit) plus(a *Accumulator, in pmetric.HistogramDataPoint) *explicit {
	out := &explicit{hasSum: true}
	if e != nil {
		*out = *e
		out.counts = slices.Clone(e.counts)
	} else {
		if !sameBounds(a.bounds, in) {
			a.bounds = in.ExplicitBounds().AsRaw()
		}
		out.bounds, out.counts = a.bounds, make([]uint64, len(a.bounds)+1)
	}
	for i := range min(len(out.bounds), in.BucketCounts().Len()) {
		out.counts[i] += in.BucketCounts().At(i)
	}
	out.count += in.Count()
	out.sum += in.Sum()
	out.hasSum = out.hasSum && in.HasSum()
	return out
}

// plusNative returns the sum of two histograms, in the coarser of their resolutions, or in one that has no more than
// maxNativeBuckets. It returns nil where there is none.
func plusNative(h *histogram.FloatHistogram, in *histogram.Histogram) *histogram.FloatHistogram {
	sum := in.ToFloat(nil)
	foldZero(sum)
	if h != nil {
		delta := sum
		sum = h.Copy()
		// Add joins the zero buckets before it makes buckets coarser, and counts some of them twice then.
		if !coarsen(sum, delta.Schema) || !coarsen(delta, sum.Schema) {
			return nil
		}
		if _, _, _, err := sum.Add(delta); err != nil {
			return nil
		}
		sum.CounterResetHint = histogram.UnknownCounterReset
	}
	for len(sum.PositiveBuckets)+len(sum.NegativeBuckets) > maxNativeBuckets {
		if sum.Schema == histogram.ExponentialSchemaMin || !coarsen(sum, sum.Schema-1) {
			return nil
		}
	}
	return sum
}

// coarsen makes a histogram coarser where it is finer than a schema.
func coarsen(h *histogram.FloatHistogram, schema int32) bool {
	return h.Schema <= schema || h.ReduceResolution(schema) == nil
}

// foldZero puts buckets that lie within the zero bucket into it: Add takes them for counted there already.
func foldZero(h *histogram.FloatHistogram) {
	found := false
	fold := func(it histogram.BucketIterator[float64], counts []float64) {
		for i := 0; it.Next(); i++ {
			if b := it.At(); counts[i] != 0 && max(math.Abs(b.Lower), math.Abs(b.Upper)) <= h.ZeroThreshold {
				h.ZeroCount += counts[i]
				counts[i] = 0
				found = true
			}
		}
	}
	fold(h.PositiveBucketIterator(), h.PositiveBuckets)
	fold(h.NegativeBucketIterator(), h.NegativeBuckets)
	if found {
		h.Compact(0)
	}
}

// integers returns a histogram whose counts are whole numbers as one of integers.
func integers(h *histogram.FloatHistogram) *histogram.Histogram {
	return &histogram.Histogram{
		CounterResetHint: histogram.UnknownCounterReset,
		Schema:           h.Schema,
		ZeroThreshold:    h.ZeroThreshold,
		ZeroCount:        uint64(h.ZeroCount),
		Count:            uint64(h.Count),
		Sum:              h.Sum,
		PositiveSpans:    h.PositiveSpans,
		PositiveBuckets:  differences(h.PositiveBuckets),
		NegativeSpans:    h.NegativeSpans,
		NegativeBuckets:  differences(h.NegativeBuckets),
	}
}

func differences(counts []float64) []int64 {
	if len(counts) == 0 {
		return nil
	}
	out := make([]int64, len(counts))
	previous := int64(0)
	for i, c := range counts {
		count := int64(math.Round(c))
		out[i], previous = count-previous, count
	}
	return out
}
