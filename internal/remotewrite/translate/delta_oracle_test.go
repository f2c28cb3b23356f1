package translate

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func sorted(lines []string) []string {
	sort.Strings(lines)
	return lines
}

// dumb is what accumulating means, written down without a thought for cost: it makes a payload of cumulative points, which
// the translator then translates as any other.
type dumb struct {
	series    map[string]dumbSeries
	maxSeries int
	maxStale  time.Duration
}

type dumbSeries struct {
	start, last int64
	seen        time.Time
	values      []float64 // of the points
	bounds      []float64
	counts      []uint64
	count       uint64
	sum         float64
	noSum       bool
	scale       int32
	buckets     map[int32]uint64 // by index at scale
	zero        uint64
}

// dumbPoint is one delta point of what randomDeltas makes.
type dumbPoint struct {
	kind   string
	attr   string
	at     int64
	start  int64
	ended  bool
	value  float64
	bounds []float64
	counts []uint64
	noSum  bool
	scale  int32
	offset int32
	zero   uint64
}

func (p *dumbPoint) total() uint64 {
	n := p.zero
	for _, c := range p.counts {
		n += c
	}
	return n
}

func (d *dumb) take(points []dumbPoint, now time.Time) (cumulative []dumbPoint, states []dumbSeries, dropped Dropped) {
	for key, s := range d.series {
		if now.Sub(s.seen) > d.maxStale {
			delete(d.series, key)
		}
	}
	points = slices.Clone(points)
	sort.SliceStable(points, func(i, j int) bool { return points[i].at < points[j].at })
	for _, p := range points {
		key := p.kind + p.attr
		s, known := d.series[key]
		switch {
		case known && p.at <= s.last:
			dropped[DeltaOutOfOrder]++
			continue
		case p.ended:
			if !known {
				s.bounds = p.bounds // all that is known of what ends
			}
			delete(d.series, key)
			cumulative, states = append(cumulative, p), append(states, s)
			continue
		case !known && len(d.series) >= d.maxSeries:
			dropped[DeltaSeriesLimit]++
			continue
		}
		if !known {
			s = dumbSeries{start: p.start, scale: p.scale, bounds: p.bounds}
			if p.start == 0 {
				s.start = p.at - 1
			}
		}
		if !slices.Equal(s.bounds, p.bounds) {
			s = dumbSeries{start: max(p.start, s.last), bounds: p.bounds}
			if p.start == 0 {
				s.start = max(p.at-1, s.start)
			}
		}
		s.add(&p)
		s.last, s.seen = p.at, now
		d.series[key] = s
		cumulative, states = append(cumulative, p), append(states, s)
	}
	return cumulative, states, dropped
}

func (s *dumbSeries) add(p *dumbPoint) {
	s.values = append(slices.Clone(s.values), p.value)
	s.count += p.total()
	s.zero += p.zero
	s.sum += p.value
	s.noSum = s.noSum || p.noSum
	if p.kind != "native" {
		counts := make([]uint64, len(p.counts))
		copy(counts, s.counts)
		for i := range p.counts {
			counts[i] += p.counts[i]
		}
		s.counts = counts
		return
	}
	scale := min(s.scale, p.scale)
	buckets := map[int32]uint64{}
	for i, c := range s.buckets {
		buckets[i>>(s.scale-scale)] += c
	}
	for i, c := range p.counts {
		buckets[(p.offset+int32(i))>>(p.scale-scale)] += c
	}
	s.scale, s.buckets = scale, buckets
}

// fill writes points of a temporality; states are what they are cumulative by, nil: they are not.
func fill(points []dumbPoint, states []dumbSeries) pmetric.Metrics {
	temporality := delta
	if states != nil {
		temporality = pmetric.AggregationTemporalityCumulative
	}
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "shop")
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	for i, p := range points {
		s := dumbSeries{}
		if states != nil {
			s = states[i]
		} else {
			s.start, s.scale, s.bounds = p.start, p.scale, p.bounds
			s.add(&p)
		}
		m := metrics.AppendEmpty()
		m.SetName(p.kind)
		switch p.kind {
		case "counter", "updown":
			m.SetEmptySum().SetIsMonotonic(p.kind == "counter")
			m.Sum().SetAggregationTemporality(temporality)
			out := m.Sum().DataPoints().AppendEmpty()
			if v := s.total(); v == float64(int64(v)) && p.attr == "int" {
				out.SetIntValue(int64(v))
			} else {
				out.SetDoubleValue(v)
			}
			common(out, p, s)
		case "explicit":
			m.SetEmptyHistogram().SetAggregationTemporality(temporality)
			out := m.Histogram().DataPoints().AppendEmpty()
			out.ExplicitBounds().FromRaw(s.bounds)
			out.BucketCounts().FromRaw(s.counts)
			out.SetCount(s.count)
			if !s.noSum {
				out.SetSum(s.sum)
			}
			common(out, p, s)
		case "native":
			m.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality)
			out := m.ExponentialHistogram().DataPoints().AppendEmpty()
			s.dense(out)
			if p.ended {
				out.SetScale(p.scale)
			}
			common(out, p, s)
		}
	}
	return md
}

func (s *dumbSeries) total() float64 {
	v := 0.0
	for _, x := range s.values {
		v += x
	}
	return v
}

func (s *dumbSeries) dense(out pmetric.ExponentialHistogramDataPoint) {
	out.SetScale(s.scale)
	out.SetCount(s.count)
	out.SetSum(s.sum)
	out.SetZeroCount(s.zero)
	out.Positive().SetOffset(-100)
	counts := make([]uint64, 300)
	for i, c := range s.buckets {
		counts[i+100] = c
	}
	out.Positive().BucketCounts().FromRaw(counts)
}

func common[P interface {
	anyPoint
	SetTimestamp(pcommon.Timestamp)
	SetStartTimestamp(pcommon.Timestamp)
	SetFlags(pmetric.DataPointFlags)
}](out P, p dumbPoint, s dumbSeries) {
	out.SetTimestamp(ms(p.at))
	out.SetStartTimestamp(ms(s.start))
	out.Attributes().PutStr("k", p.attr)
	if p.ended {
		out.SetFlags(noRecordedValue)
	}
}

func randomDeltas(r *rand.Rand, at int64) []dumbPoint {
	points := make([]dumbPoint, r.IntN(8))
	for i := range points {
		p := &points[i]
		p.kind = []string{"counter", "updown", "explicit", "native"}[r.IntN(4)]
		p.attr = []string{"int", "b", "c"}[r.IntN(3)]
		p.at = at + r.Int64N(40)*100
		if r.IntN(3) > 0 {
			p.start = max(p.at-1-r.Int64N(5000), 0)
		}
		p.ended = r.IntN(12) == 0
		p.value = float64(r.IntN(100))
		if p.attr != "int" {
			p.value /= 7
		}
		switch p.kind {
		case "updown":
			p.value -= 20
		case "explicit":
			p.bounds = []float64{1, 2.5, 7}
			if r.IntN(10) == 0 {
				p.bounds = []float64{1, 3}
			}
			p.counts = make([]uint64, len(p.bounds)+1)
			p.noSum = r.IntN(20) == 0
		case "native":
			p.scale = int32(r.IntN(4))
			p.offset = int32(r.IntN(60) - 40)
			p.counts = make([]uint64, r.IntN(30))
			p.zero = uint64(r.IntN(3))
		}
		for j := range p.counts {
			p.counts[j] = uint64(r.IntN(4))
		}
	}
	return points
}

// TestAccumulatingIsWhatTheDumbOracleSays: whatever comes, in whatever order, refused by the queue or not, of as many series
// as there is room for or more, with any pause between.
func TestAccumulatingIsWhatTheDumbOracleSays(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 6))
		s := defaults()
		s.CustomBuckets = seed%3 == 0
		a := accumulate(t, s, 3+r.IntN(12))
		oracle := dumb{series: map[string]dumbSeries{}, maxSeries: a.maxSeries, maxStale: a.maxStale}
		plain := Buffer{}
		for step := range 60 {
			a.now = a.now.Add(time.Duration(r.IntN(200)) * time.Second)
			points := randomDeltas(r, 1000+int64(step)*2000)
			refused := r.IntN(4) == 0
			before := maps.Clone(oracle.series)
			cumulative, states, dropped := oracle.take(points, a.now)
			if refused {
				oracle.back(before, a.now)
			}
			_, gotDropped := a.take(fill(points, nil), refused)
			require.Equal(t, dropped, gotDropped, "seed %d, step %d", seed, step)
			a.translator.Translate(fill(cumulative, append([]dumbSeries{}, states...)), &plain)
			require.Zero(t, plain.Dropped)
			require.Equal(t, compactLines(&plain), compactLines(&a.buffer), "seed %d, step %d", seed, step)
			require.Equal(t, len(oracle.series), a.Series())
		}
	}
}

// back brings the sums of before back. What is refused was seen all the same.
func (d *dumb) back(before map[string]dumbSeries, now time.Time) {
	for key, s := range before {
		if now.Sub(s.seen) > d.maxStale {
			delete(before, key)
			continue
		}
		after, there := d.series[key]
		if !there || after.seen.Equal(now) {
			s.seen = now
			before[key] = s
		}
	}
	d.series = before
}

func compactLines(b *Buffer) []string {
	lines := make([]string, len(b.Series))
	for i := range b.Series {
		lines[i] = renderCompact(&b.Series[i])
	}
	return sorted(lines)
}
