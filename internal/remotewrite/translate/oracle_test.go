package translate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheusremotewrite"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// TestSameSeriesAsTheContribTranslator holds where both follow the same rules: valid points with a value. They differ on
// order, on stale markers, on start times, and on what is invalid.
func TestSameSeriesAsTheContribTranslator(t *testing.T) {
	for _, strategy := range strategies {
		s := defaults()
		s.Strategy = strategy
		translator, err := New(s)
		require.NoError(t, err)
		var b Buffer
		for seed := range uint64(100) {
			md := randomMetrics(rand.New(rand.NewPCG(seed, 1)))
			want, err := prometheusremotewrite.FromMetrics(md, prometheusremotewrite.Settings{TranslationStrategy: string(strategy)})
			require.NoError(t, err)
			translator.Translate(md, &b)
			require.Zero(t, b.Dropped)
			require.Equal(t, contribLines(want), ownLines(b.Series), "%s, seed %d", strategy, seed)
			assertWellFormed(t, &b)
		}
	}
}

// assertWellFormed checks what every consumer of a buffer relies on.
func assertWellFormed(t *testing.T, b *Buffer) {
	t.Helper()
	points := 0
	for i := range b.Series {
		s := &b.Series[i]
		points += s.Points
		names := 0
		for j, l := range s.Labels {
			assert.NotEmpty(t, l.Value)
			if l.Name == "__name__" {
				names++
			}
			if j > 0 {
				assert.Less(t, s.Labels[j-1].Name, l.Name)
			}
		}
		assert.Equal(t, 1, names)
		if i > 0 {
			assert.LessOrEqual(t, b.Series[i-1].Timestamp, s.Timestamp)
		}
	}
	assert.Equal(t, b.Points, points+b.Dropped.Total())
}

func contribLines(series map[string]*prompb.TimeSeries) []string {
	var lines []string
	for _, ts := range series {
		s := remotewrite.Series{}
		for _, l := range ts.Labels {
			s.Labels = append(s.Labels, remotewrite.Label{Name: l.Name, Value: l.Value})
		}
		slices.SortFunc(s.Labels, byName)
		for _, x := range ts.Samples {
			s.Timestamp, s.Value = x.Timestamp, x.Value
			lines = append(lines, render(&s))
		}
		for _, h := range ts.Histograms {
			s.Timestamp, s.Histogram = h.Timestamp, h.ToIntHistogram()
			lines = append(lines, renderCompact(&s))
		}
		for _, e := range ts.Exemplars {
			lines = append(lines, fmt.Sprint("exemplar of ", s.Labels, ": ", e.Value, " ", e.Timestamp, " ", len(e.Labels)))
		}
	}
	sort.Strings(lines)
	return slices.Compact(lines)
}

func ownLines(series []remotewrite.Series) []string {
	var lines []string
	for _, s := range series {
		for _, e := range s.Exemplars {
			lines = append(lines, fmt.Sprint("exemplar of ", s.Labels, ": ", e.Value, " ", e.Timestamp, " ", len(e.Labels)))
		}
		s.Exemplars, s.Start = nil, 0
		lines = append(lines, renderCompact(&s))
	}
	sort.Strings(lines)
	return slices.Compact(lines)
}

// renderCompact renders a native histogram in its one shortest form: which empty buckets are written is free.
func renderCompact(s *remotewrite.Series) string {
	if s.Histogram == nil {
		return render(s)
	}
	compact := *s
	compact.Histogram = s.Histogram.Copy().Compact(0)
	return render(&compact)
}

func randomMetrics(r *rand.Rand) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for range 1 + r.IntN(3) {
		rm := md.ResourceMetrics().AppendEmpty()
		randomAttributes(r, rm.Resource().Attributes(), "service.name", "service.namespace", "service.instance.id", "host.name", "k8s.pod.name")
		for range 1 + r.IntN(2) {
			sm := rm.ScopeMetrics().AppendEmpty()
			if r.IntN(2) == 0 {
				sm.Scope().SetName("lib")
				randomAttributes(r, sm.Scope().Attributes(), "x", "y.z")
			}
			for range 1 + r.IntN(4) {
				randomMetric(r, sm.Metrics().AppendEmpty())
			}
		}
	}
	return md
}

func randomAttributes(r *rand.Rand, to pcommon.Map, keys ...string) {
	for _, key := range keys {
		switch r.IntN(4) {
		case 0:
			to.PutStr(key, fmt.Sprint("v", r.IntN(3)))
		case 1:
			to.PutInt(key, int64(r.IntN(3)))
		}
	}
}

func randomMetric(r *rand.Rand, m pmetric.Metric) {
	name := fmt.Sprint([]string{"http.server.duration", "0queue-size", "rpc__calls", "mem:used"}[r.IntN(4)], r.IntN(100))
	unit := []string{"", "ms", "By", "1", "{call}", "m/s"}[r.IntN(6)]
	switch r.IntN(5) {
	case 0:
		m.SetEmptyGauge()
		randomNumbers(r, m.Gauge().DataPoints(), false)
	case 1:
		counter := r.IntN(2) == 0
		m.SetEmptySum().SetIsMonotonic(counter)
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		randomNumbers(r, m.Sum().DataPoints(), counter)
	case 2:
		p := fillHistogram(m, "", "")
		randomAttributes(r, p.Attributes(), "http.route", "http_route", "code")
		for range r.IntN(4) {
			addExemplar(p.Exemplars(), float64(r.IntN(15)), ms(int64(1000+r.IntN(100))), byte(r.IntN(3)))
		}
	case 3:
		randomNative(r, m)
	default:
		p := m.SetEmptySummary().DataPoints().AppendEmpty()
		p.SetTimestamp(ms(int64(1 + r.IntN(5))))
		p.SetCount(uint64(r.IntN(10)))
		p.SetSum(r.Float64())
		q := p.QuantileValues().AppendEmpty()
		q.SetQuantile(r.Float64())
		q.SetValue(r.Float64())
	}
	m.SetName(name)
	m.SetUnit(unit)
}

func randomNumbers(r *rand.Rand, points pmetric.NumberDataPointSlice, exemplars bool) {
	for range 1 + r.IntN(4) {
		p := points.AppendEmpty()
		p.SetTimestamp(ms(int64(1 + r.IntN(5))))
		p.SetDoubleValue(float64(r.IntN(1000)) / 8)
		randomAttributes(r, p.Attributes(), "http.route", "http_route", "code", "_private")
		if exemplars && r.IntN(3) == 0 {
			addExemplar(p.Exemplars(), r.Float64(), ms(1), 1)
		}
	}
}

func randomNative(r *rand.Rand, m pmetric.Metric) {
	p := fillNative(m, "")
	// Beyond scale 8 the contrib translator puts some counts into the bucket below, where a merged bucket starts behind
	// an empty one: FuzzNativeHistogram checks those by the formula.
	p.SetScale(int32(r.IntN(13) - 4))
	total := p.ZeroCount()
	for _, buckets := range []pmetric.ExponentialHistogramDataPointBuckets{p.Positive(), p.Negative()} {
		buckets.SetOffset(int32(r.IntN(2000) - 1000))
		counts := make([]uint64, r.IntN(30))
		for i := range counts {
			if r.IntN(3) > 0 {
				counts[i] = uint64(r.IntN(5))
			}
			total += counts[i]
		}
		buckets.BucketCounts().FromRaw(counts)
	}
	p.SetCount(total)
}

// FuzzNativeHistogram: whatever the scale, offset and counts, a histogram is left out or is one that Prometheus takes,
// with the buckets that the formula of the specification gives.
func FuzzNativeHistogram(f *testing.F) {
	f.Add(int32(0), int32(0), []byte{1, 2, 0, 3})
	f.Add(int32(20), int32(-7), []byte{0, 0, 9, 0, 0, 0, 1})
	f.Add(int32(math.MaxInt32), int32(math.MaxInt32), []byte{1, 1, 1})
	f.Add(int32(-4), int32(math.MinInt32), []byte{1, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, scale, offset int32, counts []byte) {
		md := payload(func(m pmetric.Metric) {
			p := fillNative(m, "n")
			p.SetScale(scale)
			p.SetZeroCount(0)
			p.Positive().SetOffset(offset)
			raw := make([]uint64, len(counts))
			total := uint64(0)
			for i, c := range counts {
				raw[i] = uint64(c)
				total += uint64(c)
			}
			p.Positive().BucketCounts().FromRaw(raw)
			p.SetCount(total)
		})
		translator, err := New(defaults())
		require.NoError(t, err)
		var b Buffer
		translator.Translate(md, &b)
		if scale < histogram.ExponentialSchemaMin {
			assert.Equal(t, 1, b.Dropped[HistogramScale])
			return
		}
		overflows := int64(offset)+int64(len(counts)) >= math.MaxInt32
		if b.Dropped.Total() == 1 && overflows {
			return
		}
		require.Len(t, b.Series, 1)
		h := b.Series[0].Histogram
		require.NoError(t, h.Validate())
		if overflows {
			return
		}
		want := map[int32]uint64{}
		for i, c := range counts {
			if c > 0 {
				want[int32((int64(offset)+int64(i))>>max(scale-8, 0)+1)] += uint64(c)
			}
		}
		got := map[int32]uint64{}
		for it := h.PositiveBucketIterator(); it.Next(); {
			if bucket := it.At(); bucket.Count > 0 {
				got[bucket.Index] = bucket.Count
			}
		}
		assert.Equal(t, want, got)
	})
}
