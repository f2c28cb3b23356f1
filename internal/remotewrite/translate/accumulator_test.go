package translate

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

const delta = pmetric.AggregationTemporalityDelta

var errRefused = errors.New("refused")

// accumulating translates payloads one after the other.
type accumulating struct {
	t          *testing.T
	translator *Translator
	*Accumulator
	buffer Buffer
	now    time.Time
}

func accumulate(t *testing.T, s Settings, maxSeries int) *accumulating {
	translator, err := New(s)
	require.NoError(t, err)
	return &accumulating{t: t, translator: translator, Accumulator: NewAccumulator(maxSeries, 5*time.Minute), now: time.Unix(1000, 0)}
}

// take returns one line a series, and what was left out; refused: the queue has no room for it.
func (a *accumulating) take(md pmetric.Metrics, refused bool) ([]string, Dropped) {
	a.t.Helper()
	var lines []string
	err := a.Run(a.now, func() error {
		a.translator.FillShare(md, &a.buffer, Share{}, a.Accumulator)
		a.buffer.makeSeries()
		assertWellFormed(a.t, &a.buffer)
		for i := range a.buffer.Series {
			lines = append(lines, render(&a.buffer.Series[i]))
		}
		if refused {
			return errRefused
		}
		return nil
	})
	require.Equal(a.t, refused, errors.Is(err, errRefused))
	return lines, a.buffer.Dropped
}

// calls is a delta counter with points of one series, each at and of its time after the one before.
func calls(values ...int64) func(m pmetric.Metric) {
	return func(m pmetric.Metric) {
		points := fillCounter(m, "c", "")
		m.Sum().SetAggregationTemporality(delta)
		for i := 0; i < len(values); i += 2 {
			p := points.AppendEmpty()
			p.SetTimestamp(ms(values[i]))
			p.SetStartTimestamp(ms(values[i] - 100))
			p.SetIntValue(values[i+1])
		}
	}
}

func TestDeltasAccumulate(t *testing.T) {
	a := accumulate(t, defaults(), 10)
	got, dropped := a.take(payload(calls(3000, 3, 1000, 1, 2000, 2)), false)
	assert.Equal(t, []string{
		`c_total{job="shop"} 1 @1000 from=900`, `c_total{job="shop"} 3 @2000 from=900`, `c_total{job="shop"} 6 @3000 from=900`,
	}, got, "points of a payload are put in order first")
	assert.Zero(t, dropped)

	got, dropped = a.take(payload(calls(3000, 50, 2500, 50, 9000, 4)), false)
	assert.Equal(t, []string{`c_total{job="shop"} 10 @9000 from=900`}, got, "a gap is fine")
	assert.Equal(t, 2, dropped[DeltaOutOfOrder])
	assert.Equal(t, 2, dropped.Total())
	assert.Equal(t, 1, a.Series())
}

func TestAPayloadThatIsRefusedIsNotAccumulated(t *testing.T) {
	a := accumulate(t, defaults(), 2)
	_, _ = a.take(payload(calls(1000, 1)), true)
	assert.Zero(t, a.Series())
	_, _ = a.take(payload(calls(1000, 1)), false)
	for range 3 {
		got, _ := a.take(payload(calls(2000, 2, 3000, 3)), true)
		assert.Equal(t, []string{`c_total{job="shop"} 3 @2000 from=900`, `c_total{job="shop"} 6 @3000 from=900`}, got)
	}
	ended := payload(calls(4000, 0))
	ended.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).SetFlags(noRecordedValue)
	_, _ = a.take(ended, true)
	got, _ := a.take(payload(calls(4000, 4)), false)
	assert.Equal(t, []string{`c_total{job="shop"} 5 @4000 from=900`}, got)
	assert.Equal(t, 1, a.Series())
}

func TestAFullQueueAndAPanicTakeBackWhatWasAccumulated(t *testing.T) {
	a := accumulate(t, defaults(), 10)
	q, err := remotewrite.NewQueue(remotewrite.QueueConfig{MinShards: 1, MaxShards: 1, MaxBytes: 1 << 20, MaxPayloads: 1, MaxBatchBytes: 1 << 20})
	require.NoError(t, err)
	queue := func(md pmetric.Metrics) error {
		return a.Run(a.now, func() error {
			a.translator.FillShare(md, &a.buffer, Share{}, a.Accumulator)
			_, err := q.Add(remotewrite.V2, a.now, remotewrite.Share{Source: &a.buffer})
			return err
		})
	}
	require.NoError(t, queue(payload(calls(1000, 1))))
	require.ErrorIs(t, queue(payload(calls(2000, 2))), remotewrite.ErrFull)
	require.Panics(t, func() {
		_ = a.Run(a.now, func() error {
			a.translator.FillShare(payload(calls(2000, 7)), &a.buffer, Share{}, a.Accumulator)
			panic("broken")
		})
	})
	got, _ := a.take(payload(calls(2000, 2)), false)
	assert.Equal(t, []string{`c_total{job="shop"} 3 @2000 from=900`}, got)
}

func TestSeriesBeyondTheLimitAreLeftOut(t *testing.T) {
	a := accumulate(t, defaults(), 1)
	other := func(m pmetric.Metric) {
		calls(2000, 5)(m)
		m.SetName("other")
	}
	_, _ = a.take(payload(calls(1000, 1)), false)
	got, dropped := a.take(payload(other), false)
	assert.Empty(t, got)
	assert.Equal(t, 1, dropped[DeltaSeriesLimit])
	a.now = a.now.Add(5 * time.Minute)
	_, dropped = a.take(payload(other), false)
	assert.Equal(t, 1, dropped[DeltaSeriesLimit])
	a.now = a.now.Add(time.Second)
	got, dropped = a.take(payload(other), false)
	assert.Equal(t, []string{`other_total{job="shop"} 5 @2000 from=1900`}, got, "the one before had no point for too long")
	assert.Zero(t, dropped)
	got, dropped = a.take(payload(calls(3000, 1)), false)
	assert.Empty(t, got)
	assert.Equal(t, 1, dropped[DeltaSeriesLimit])
}

func TestAForgottenSeriesBeginsAnew(t *testing.T) {
	a := accumulate(t, defaults(), 10)
	_, _ = a.take(payload(calls(1000, 1)), false)
	a.now = a.now.Add(6 * time.Minute)
	got, _ := a.take(payload(calls(361_000, 2)), false)
	assert.Equal(t, []string{`c_total{job="shop"} 2 @361000 from=360900`}, got)

	a = accumulate(t, defaults(), 10)
	a.maxStale = 0
	_, _ = a.take(payload(calls(1000, 1)), false)
	a.now = a.now.Add(1000 * time.Hour)
	got, _ = a.take(payload(calls(361_000, 2)), false)
	assert.Equal(t, []string{`c_total{job="shop"} 3 @361000 from=900`}, got, "0 never forgets")
}

func TestDeltaPointsOfEachKind(t *testing.T) {
	explicit := func(at int64, bounds ...float64) func(pmetric.Metric) {
		return func(m pmetric.Metric) {
			p := fillHistogram(m, "h", "")
			m.Histogram().SetAggregationTemporality(delta)
			p.SetTimestamp(ms(at))
			p.SetStartTimestamp(0)
			p.ExplicitBounds().FromRaw(bounds)
		}
	}
	native := func(at int64, scale int32) func(pmetric.Metric) {
		return func(m pmetric.Metric) {
			p := fillNative(m, "n")
			m.ExponentialHistogram().SetAggregationTemporality(delta)
			p.SetTimestamp(ms(at))
			p.SetScale(scale)
			addExemplar(p.Exemplars(), 3, ms(at), 0)
		}
	}
	ended := func(fill func(pmetric.Metric)) func(pmetric.Metric) {
		return func(m pmetric.Metric) {
			fill(m)
			switch m.Type() {
			case pmetric.MetricTypeHistogram:
				p := m.Histogram().DataPoints().At(0)
				p.SetFlags(noRecordedValue)
				p.ExplicitBounds().FromRaw(nil)
				p.BucketCounts().FromRaw(nil)
			case pmetric.MetricTypeExponentialHistogram:
				m.ExponentialHistogram().DataPoints().At(0).SetFlags(noRecordedValue)
			case pmetric.MetricTypeSum:
				m.Sum().DataPoints().At(0).SetFlags(noRecordedValue)
			}
		}
	}
	upDown := func(at, v int64) func(pmetric.Metric) {
		return func(m pmetric.Metric) {
			calls(at, v)(m)
			m.Sum().SetIsMonotonic(false)
		}
	}
	tests := map[string]struct {
		settings Settings
		payloads []func(pmetric.Metric)
		want     []string
	}{
		"a sum that goes down too is a gauge": {
			defaults(), []func(pmetric.Metric){upDown(1000, 5), upDown(2000, -2)}, []string{`c{job="shop"} 5 @1000`, `c{job="shop"} 3 @2000`},
		},
		"a stale marker ends a sum, and the next begins": {
			defaults(),
			[]func(pmetric.Metric){calls(1000, 5), ended(calls(2000, 0)), calls(3000, 1)},
			[]string{`c_total{job="shop"} 5 @1000 from=900`, `c_total{job="shop"} stale @2000`, `c_total{job="shop"} 1 @3000 from=2900`},
		},
		"a stale marker that comes too late ends nothing": {
			defaults(),
			[]func(pmetric.Metric){calls(1000, 5), ended(calls(1000, 0)), calls(3000, 1)},
			[]string{`c_total{job="shop"} 5 @1000 from=900`, `c_total{job="shop"} 6 @3000 from=900`},
		},
		"explicit histograms, whose bounds a stale marker need not know": {
			defaults(),
			[]func(pmetric.Metric){explicit(1500, 5, 10.5), explicit(2000, 5, 10.5), ended(explicit(3000))},
			[]string{
				`h_count{job="shop"} 6 @1500 from=1499`, `h_sum{job="shop"} 60 @1500 from=1499`, `h_bucket{job="shop",le="5"} 1 @1500 from=1499`,
				`h_bucket{job="shop",le="10.5"} 3 @1500 from=1499`, `h_bucket{job="shop",le="+Inf"} 6 @1500 from=1499`,
				`h_count{job="shop"} 12 @2000 from=1499`, `h_sum{job="shop"} 120 @2000 from=1499`, `h_bucket{job="shop",le="5"} 2 @2000 from=1499`,
				`h_bucket{job="shop",le="10.5"} 6 @2000 from=1499`, `h_bucket{job="shop",le="+Inf"} 12 @2000 from=1499`,
				`h_count{job="shop"} stale @3000`, `h_sum{job="shop"} stale @3000`, `h_bucket{job="shop",le="5"} stale @3000`,
				`h_bucket{job="shop",le="10.5"} stale @3000`, `h_bucket{job="shop",le="+Inf"} stale @3000`,
			},
		},
		"explicit histograms with custom buckets; with other bounds another one begins where the one before ended": {
			customBuckets(),
			[]func(pmetric.Metric){explicit(1500, 5, 10.5), explicit(2000, 5, 11), explicit(2500, 5, 11), ended(explicit(3000))},
			[]string{
				`h{job="shop"} schema=-53 zero=0/0 {count:6, sum:60, [-Inf,5]:1, (5,10.5]:2, (10.5,+Inf]:3} @1500 from=1499`,
				`h{job="shop"} schema=-53 zero=0/0 {count:6, sum:60, [-Inf,5]:1, (5,11]:2, (11,+Inf]:3} @2000 from=1999`,
				`h{job="shop"} schema=-53 zero=0/0 {count:12, sum:120, [-Inf,5]:2, (5,11]:4, (11,+Inf]:6} @2500 from=1999`,
				`h{job="shop"} stale(schema -53, 0 buckets) @3000`,
			},
		},
		"exponential histograms, in the coarser resolution": {
			defaults(),
			[]func(pmetric.Metric){native(1500, 1), native(2000, 0), native(2500, 1), ended(native(3000, 1))},
			[]string{
				`n{job="shop"} schema=1 zero=1/1e-128 {count:7, sum:20, [-1e-128,1e-128]:1, (1,1.414213562373095]:1, (1.414213562373095,2]:2, (2.82842712474619,4]:3} @1500 from=1000 # {} 3 @1500`,
				`n{job="shop"} schema=0 zero=2/1e-128 {count:14, sum:40, [-1e-128,1e-128]:2, (1,2]:4, (2,4]:5, (8,16]:3} @2000 from=1000 # {} 3 @2000`,
				`n{job="shop"} schema=0 zero=3/1e-128 {count:21, sum:60, [-1e-128,1e-128]:3, (1,2]:7, (2,4]:8, (8,16]:3} @2500 from=1000 # {} 3 @2500`,
				`n{job="shop"} stale(schema 1, 0 buckets) @3000 # {} 3 @3000`,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := accumulate(t, tt.settings, 10)
			var got []string
			for _, fill := range tt.payloads {
				lines, _ := a.take(payload(fill), false)
				got = append(got, lines...)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestDeltaPointsThatWouldSpoilTheirSeriesAreLeftOut(t *testing.T) {
	tests := map[string]struct {
		fill func(pmetric.Metric)
		why  Reason
	}{
		"no number": {func(m pmetric.Metric) {
			calls(1000, 1)(m)
			m.Sum().DataPoints().At(0).SetDoubleValue(inf - inf)
		}, NoValue},
		"no value": {func(m pmetric.Metric) {
			fillCounter(m, "c", "").AppendEmpty().SetTimestamp(ms(1000))
			m.Sum().SetAggregationTemporality(delta)
		}, NoValue},
		"buckets that exceed the count": {func(m pmetric.Metric) {
			fillHistogram(m, "h", "").SetCount(2)
			m.Histogram().SetAggregationTemporality(delta)
		}, InvalidHistogram},
		"buckets that do not fit the bounds": {func(m pmetric.Metric) {
			fillHistogram(m, "h", "").BucketCounts().FromRaw([]uint64{1})
			m.Histogram().SetAggregationTemporality(delta)
		}, InvalidHistogram},
		"a scale that is too coarse": {func(m pmetric.Metric) {
			fillNative(m, "n").SetScale(-5)
			m.ExponentialHistogram().SetAggregationTemporality(delta)
		}, HistogramScale},
		"a native histogram whose buckets exceed its count": {func(m pmetric.Metric) {
			fillNative(m, "n").SetCount(1)
			m.ExponentialHistogram().SetAggregationTemporality(delta)
		}, InvalidHistogram},
		"more buckets than the coarsest resolution has": {func(m pmetric.Metric) {
			p := fillNative(m, "n")
			m.ExponentialHistogram().SetAggregationTemporality(delta)
			counts := make([]uint64, 20_000)
			for i := range counts {
				counts[i] = 1
			}
			p.Positive().BucketCounts().FromRaw(counts)
			p.SetCount(20_001)
		}, InvalidHistogram},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := accumulate(t, defaults(), 10)
			got, dropped := a.take(payload(tt.fill), false)
			assert.Empty(t, got)
			want := Dropped{}
			want[tt.why] = 1
			assert.Equal(t, want, dropped)
			assert.Zero(t, a.Series())
		})
	}
}

func TestWithoutAnAccumulatorDeltasAreLeftOut(t *testing.T) {
	translator, err := New(defaults())
	require.NoError(t, err)
	var b Buffer
	var none *Accumulator
	require.NoError(t, none.Run(time.Now(), func() error {
		translator.FillShare(payload(calls(1000, 1)), &b, Share{}, none)
		return nil
	}))
	assert.Equal(t, 1, b.Dropped[DeltaTemporality])
	assert.Zero(t, b.Len())
}

func TestTargetInfoOfAResourceThatSendsDeltasOnly(t *testing.T) {
	a := accumulate(t, defaults(), 10)
	md := payload(calls(1000, 1))
	md.ResourceMetrics().At(0).Resource().Attributes().PutStr("host.name", "h")
	got, _ := a.take(md, false)
	assert.Equal(t, []string{`c_total{job="shop"} 1 @1000 from=900`, `target_info{host_name="h",job="shop"} 1 @1000`}, sorted(got))
}

func TestIntegersAreSummedExactly(t *testing.T) {
	a := accumulate(t, defaults(), 10)
	_, _ = a.take(payload(calls(1000, 1<<53)), false)
	_, _ = a.take(payload(calls(2000, 1)), false)
	got, _ := a.take(payload(calls(3000, 1)), false)
	assert.Equal(t, []string{`c_total{job="shop"} 9.007199254740994e+15 @3000 from=900`}, got)
	_, _ = a.take(payload(calls(4000, 1<<62)), false)
	got, _ = a.take(payload(calls(5000, 1<<62)), false)
	assert.Equal(t, []string{`c_total{job="shop"} 9.232379236109517e+18 @5000 from=900`}, got, "beyond what an integer holds")
}

// FuzzNativeSum: whatever the resolutions and zero buckets, the sum of two native histograms is one that Prometheus takes,
// with all that both counted, and not too large.
func FuzzNativeSum(f *testing.F) {
	f.Add(int32(3), int32(0), int32(-5), int32(7), 0.0, 1.0, []byte{1, 0, 2}, []byte{3})
	f.Add(int32(20), int32(-4), int32(1000), int32(-70), 1e-128, 0.5, []byte{1, 1, 1}, []byte{0, 0, 0, 0, 9})
	f.Add(int32(19), int32(-72), int32(1000), int32(-70), 1e-128, 0.5, []byte{48}, []byte{48}) // buckets within the zero bucket
	f.Add(int32(0), int32(36), int32(1000), int32(3), 42.0, 0.5, []byte{48}, []byte{48})       // the same once they are coarser
	f.Fuzz(func(t *testing.T, scale, otherScale, offset, otherOffset int32, zero, otherZero float64, counts, other []byte) {
		native := func(scale, offset int32, zero float64, counts []byte) (uint64, *histogram.Histogram) {
			p := pmetric.NewExponentialHistogramDataPoint()
			p.SetScale(scale%24 - 4)
			p.SetZeroThreshold(math.Abs(zero))
			p.SetZeroCount(1)
			total := uint64(1)
			for _, side := range []pmetric.ExponentialHistogramDataPointBuckets{p.Positive(), p.Negative()} {
				side.SetOffset(offset % 2000)
				for _, c := range counts {
					side.BucketCounts().Append(uint64(c))
					total += uint64(c)
				}
			}
			p.SetCount(total)
			h, ok := new(Buffer).nativeOf(p)
			if !ok {
				t.Skip()
			}
			return total, h
		}
		if math.IsNaN(zero+otherZero) || math.IsInf(zero, 0) || math.IsInf(otherZero, 0) {
			t.Skip()
		}
		one, h := native(scale, offset, zero, counts)
		two, in := native(otherScale, otherOffset, otherZero, other)
		first := plusNative(nil, h)
		if first == nil {
			return
		}
		before := first.Copy()
		sum := plusNative(first, in)
		assert.True(t, before.Equals(first), "what is held does not change")
		if sum == nil {
			return
		}
		got := integers(sum)
		require.NoError(t, got.Validate())
		assert.Equal(t, one+two, got.Count)
		assert.LessOrEqual(t, len(got.PositiveBuckets)+len(got.NegativeBuckets), maxNativeBuckets)
	})
}

func TestANativeHistogramWithTooManyBucketsIsMadeCoarser(t *testing.T) {
	a := accumulate(t, defaults(), 10)
	_, dropped := a.take(payload(func(m pmetric.Metric) {
		p := fillNative(m, "n")
		m.ExponentialHistogram().SetAggregationTemporality(delta)
		p.SetScale(3)
		counts := make([]uint64, 1000)
		for i := range counts {
			counts[i] = 1
		}
		p.Positive().SetOffset(-500)
		p.Positive().BucketCounts().FromRaw(counts)
		p.SetCount(1001)
	}), false)
	require.Zero(t, dropped)
	h := a.buffer.Series[0].Histogram
	assert.Equal(t, int32(1), h.Schema)
	assert.Len(t, h.PositiveBuckets, 250)
	require.NoError(t, h.Validate())
}

func BenchmarkAccumulate(b *testing.B) {
	b.ReportAllocs()
	translator, err := New(defaults())
	require.NoError(b, err)
	a := NewAccumulator(100_000, time.Minute)
	md := redMetrics(101, 8)
	n := int64(0)
	var buffer Buffer
	for b.Loop() {
		n++
		for _, rm := range md.ResourceMetrics().All() {
			metrics := rm.ScopeMetrics().At(0).Metrics()
			metrics.At(0).Sum().SetAggregationTemporality(delta)
			metrics.At(1).Histogram().SetAggregationTemporality(delta)
			for i := range metrics.At(0).Sum().DataPoints().Len() {
				metrics.At(0).Sum().DataPoints().At(i).SetTimestamp(ms(2000 + n))
				metrics.At(1).Histogram().DataPoints().At(i).SetTimestamp(ms(2000 + n))
			}
		}
		_ = a.Run(time.Unix(n, 0), func() error {
			translator.FillShare(md, &buffer, Share{}, a)
			return nil
		})
	}
	require.Zero(b, buffer.Dropped)
	perSeries(b, buffer.Len())
}
