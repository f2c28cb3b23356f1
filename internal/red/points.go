package red

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/lightstep/go-expohisto/structure"
)

// writer writes the series of one family and resource.
type writer struct {
	*flush
	bounds *bounds
	unit   float64

	calls     pmetric.Sum    // where the family has calls
	durations pmetric.Metric // where the family has durations
	sent      uint64         // exemplars of the last series
}

func (w *writer) shapeDurations(f *family, points int) {
	const cumulative = pmetric.AggregationTemporalityCumulative
	if f.durations == durationsExponential {
		h := w.durations.SetEmptyExponentialHistogram()
		h.SetAggregationTemporality(cumulative)
		h.DataPoints().EnsureCapacity(points)
		return
	}
	h := w.durations.SetEmptyHistogram()
	h.SetAggregationTemporality(cumulative)
	h.DataPoints().EnsureCapacity(points)
}

// scaleFinest is the finest scale of exponential histograms in OpenTelemetry's SDKs.
const scaleFinest = 20

// flushTo writes a series' points: its value; before a first value its zero; or, for a forgotten series, that it has none.
func (s *series) flushTo(w *writer) {
	w.sent = 0
	if s.forgotten {
		s.point(w, w.now, pointStale, nil)
		return
	}
	if s.start == 0 {
		s.start = w.zero
		s.point(w, w.zero, pointZero, nil)
	}
	list := s.sendable(w.exemplars[s.id], w.now)
	w.sent = uint64(len(list))
	s.point(w, w.now, pointValue, list)
}

// pointKind says what a point tells.
type pointKind uint8

const (
	pointValue pointKind = iota
	pointZero
	pointStale
)

func (s *series) point(w *writer, at pcommon.Timestamp, kind pointKind, list []Exemplar) {
	if s.family.calls {
		p := w.calls.DataPoints().AppendEmpty()
		s.attributes.CopyTo(p.Attributes())
		p.SetStartTimestamp(s.start)
		p.SetTimestamp(at)
		switch kind {
		case pointValue:
			p.SetIntValue(int64(s.totals[cellCalls]))
			writeExemplars(p.Exemplars(), list, w.unit)
		case pointZero:
			p.SetIntValue(0)
		case pointStale:
			p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		}
	}
	switch s.family.durations {
	case durationsExplicit:
		s.explicitPoint(w, at, kind, list)
	case durationsExponential:
		s.exponentialPoint(w, at, kind, list)
	}
}

// explicitPoint writes all bounds whatever the kind: each bucket is a series of its own in Prometheus, which starts at
// zero and is marked stale like the others.
func (s *series) explicitPoint(w *writer, at pcommon.Timestamp, kind pointKind, list []Exemplar) {
	p := w.durations.Histogram().DataPoints().AppendEmpty()
	s.attributes.CopyTo(p.Attributes())
	p.SetStartTimestamp(s.start)
	p.SetTimestamp(at)
	p.ExplicitBounds().FromRaw(w.bounds.unit)
	if kind == pointValue {
		p.BucketCounts().FromRaw(s.totals[cellBuckets:])
		p.SetCount(s.totals[cellCalls])
		p.SetSum(sumOf(s.totals, w.unit))
		writeExemplars(p.Exemplars(), list, w.unit)
		return
	}
	p.BucketCounts().FromRaw(make([]uint64, len(w.bounds.unit)+1))
	p.SetSum(0) // a point without a sum says nothing of the series of sums
	if kind == pointStale {
		p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	}
}

func (s *series) exponentialPoint(w *writer, at pcommon.Timestamp, kind pointKind, list []Exemplar) {
	p := w.durations.ExponentialHistogram().DataPoints().AppendEmpty()
	s.attributes.CopyTo(p.Attributes())
	p.SetStartTimestamp(s.start)
	p.SetTimestamp(at)
	// The zero has the scale of what follows, and a histogram without buckets the finest: PromQL takes the coarsest scale
	// of a range for all of it.
	p.SetScale(scaleFinest)
	if s.hist.Positive().Len() > 0 {
		p.SetScale(s.hist.Scale())
	}
	switch kind {
	case pointValue:
		p.SetCount(s.hist.Count())
		p.SetSum(sumOf(s.totals, w.unit))
		p.SetMin(s.hist.Min())
		p.SetMax(s.hist.Max())
		p.SetZeroCount(s.hist.ZeroCount())
		writeBuckets(p.Positive(), s.hist.Positive())
		writeExemplars(p.Exemplars(), list, w.unit)
	case pointZero:
		p.SetSum(0)
	case pointStale:
		p.SetSum(0)
		p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	}
}

func writeBuckets(to pmetric.ExponentialHistogramDataPointBuckets, from *structure.Buckets) {
	n := from.Len()
	if n == 0 {
		return
	}
	to.SetOffset(from.Offset())
	to.BucketCounts().EnsureCapacity(int(n))
	for i := range n {
		to.BucketCounts().Append(from.At(i))
	}
}
