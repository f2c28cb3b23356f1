package translate

import (
	"math"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const trace1 = `span_id="0000000000000001",trace_id="00000000000000000000000000000001"`

func TestTranslate(t *testing.T) {
	tests := map[string]struct {
		fill func(pmetric.Metric)
		want []string
	}{
		"a counter keeps start and exemplars, and is named with unit and total": {
			func(m pmetric.Metric) {
				p := fillCounter(m, "traces.span.metrics.calls", "").AppendEmpty()
				p.SetTimestamp(ms(2000))
				p.SetStartTimestamp(ms(1000))
				p.SetIntValue(3)
				p.Attributes().PutStr("span.kind", "SPAN_KIND_SERVER")
				addExemplar(p.Exemplars(), 1, ms(1500), 1)
			},
			[]string{`traces_span_metrics_calls_total{job="shop",span_kind="SPAN_KIND_SERVER"} 3 @2000 from=1000 # {` + trace1 + `} 1 @1500`},
		},
		"a start that was seconds in a float is the millisecond that was meant": {
			func(m pmetric.Metric) {
				p := fillCounter(m, "c", "").AppendEmpty()
				seconds := 1795700984.185 // a float near 1795700984.184999943
				whole := math.Trunc(seconds)
				p.SetStartTimestamp(pcommon.Timestamp(int64(whole)*1e9 + int64((seconds-whole)*1e9)))
				p.SetTimestamp(ms(1795700990000))
				p.SetIntValue(3)
			},
			[]string{`c_total{job="shop"} 3 @1795700990000 from=1795700984185`},
		},
		"a start is not after its point": {
			func(m pmetric.Metric) {
				p := fillCounter(m, "c", "").AppendEmpty()
				p.SetStartTimestamp(ms(2000) - 1)
				p.SetTimestamp(ms(2000) - 1)
				p.SetIntValue(3)
			},
			[]string{`c_total{job="shop"} 3 @1999 from=1999`},
		},
		"exemplars of a counter are put in time order": {
			func(m pmetric.Metric) {
				p := fillCounter(m, "c", "").AppendEmpty()
				p.SetTimestamp(ms(2000))
				p.SetIntValue(3)
				addExemplar(p.Exemplars(), 7, ms(1900), 0)
				addExemplar(p.Exemplars(), 8, ms(1100), 0)
			},
			[]string{`c_total{job="shop"} 3 @2000 # {} 8 @1100 # {} 7 @1900`},
		},
		"a sum that goes down too is a gauge without start and exemplars": {
			func(m pmetric.Metric) {
				points := fillCounter(m, "queue.size", "By")
				m.Sum().SetIsMonotonic(false)
				p := points.AppendEmpty()
				p.SetTimestamp(ms(2000))
				p.SetStartTimestamp(ms(1000))
				p.SetDoubleValue(1.5)
				addExemplar(p.Exemplars(), 1, ms(1500), 1)
			},
			[]string{`queue_size_bytes{job="shop"} 1.5 @2000`},
		},
		"a gauge of unit 1 is a ratio": {
			func(m pmetric.Metric) {
				m.SetName("load")
				m.SetUnit("1")
				p := m.SetEmptyGauge().DataPoints().AppendEmpty()
				p.SetTimestamp(ms(2000))
				p.SetDoubleValue(0.5)
			},
			[]string{`load_ratio{job="shop"} 0.5 @2000`},
		},
		"points of one series leave in time order": {
			func(m pmetric.Metric) {
				points := fillCounter(m, "c", "")
				for _, at := range []int64{3000, 1000, 2000} {
					p := points.AppendEmpty()
					p.SetTimestamp(ms(at))
					p.SetIntValue(at)
				}
			},
			[]string{`c_total{job="shop"} 1000 @1000`, `c_total{job="shop"} 2000 @2000`, `c_total{job="shop"} 3000 @3000`},
		},
		"an explicit histogram becomes a classic one": {
			func(m pmetric.Metric) { fillHistogram(m, "traces.span.metrics.duration", "ms") },
			[]string{
				`traces_span_metrics_duration_milliseconds_count{job="shop"} 6 @2000 from=1000`,
				`traces_span_metrics_duration_milliseconds_sum{job="shop"} 60 @2000 from=1000`,
				`traces_span_metrics_duration_milliseconds_bucket{job="shop",le="5"} 1 @2000 from=1000`,
				`traces_span_metrics_duration_milliseconds_bucket{job="shop",le="10.5"} 3 @2000 from=1000`,
				`traces_span_metrics_duration_milliseconds_bucket{job="shop",le="+Inf"} 6 @2000 from=1000`,
			},
		},
		"a histogram without sum has no sum series": {
			func(m pmetric.Metric) {
				p := fillHistogram(m, "h", "")
				p.RemoveSum()
				p.ExplicitBounds().FromRaw(nil)
				p.BucketCounts().FromRaw(nil)
			},
			[]string{`h_count{job="shop"} 6 @2000 from=1000`, `h_bucket{job="shop",le="+Inf"} 6 @2000 from=1000`},
		},
		"exemplars of a histogram go to the lowest bucket that counts them, in time order": {
			func(m pmetric.Metric) {
				p := fillHistogram(m, "h", "")
				addExemplar(p.Exemplars(), 99, ms(1900), 0)
				addExemplar(p.Exemplars(), 7, ms(1800), 0)
				addExemplar(p.Exemplars(), 5, ms(1700), 0)
				addExemplar(p.Exemplars(), 10.5, ms(1600), 0)
			},
			[]string{
				`h_count{job="shop"} 6 @2000 from=1000`,
				`h_sum{job="shop"} 60 @2000 from=1000`,
				`h_bucket{job="shop",le="5"} 1 @2000 from=1000 # {} 5 @1700`,
				`h_bucket{job="shop",le="10.5"} 3 @2000 from=1000 # {} 10.5 @1600 # {} 7 @1800`,
				`h_bucket{job="shop",le="+Inf"} 6 @2000 from=1000 # {} 99 @1900`,
			},
		},
		"an explicit bound of +Inf is the last bucket, once": {
			func(m pmetric.Metric) {
				p := fillHistogram(m, "h", "")
				p.ExplicitBounds().FromRaw([]float64{5, inf})
				p.BucketCounts().FromRaw([]uint64{1, 5, 0})
			},
			[]string{
				`h_count{job="shop"} 6 @2000 from=1000`,
				`h_sum{job="shop"} 60 @2000 from=1000`,
				`h_bucket{job="shop",le="5"} 1 @2000 from=1000`,
				`h_bucket{job="shop",le="+Inf"} 6 @2000 from=1000`,
			},
		},
		"an exponential histogram becomes a native one": {
			func(m pmetric.Metric) {
				p := fillNative(m, "latency")
				addExemplar(p.Exemplars(), 3, ms(1500), 1)
			},
			[]string{`latency{job="shop"} schema=0 zero=1/1e-128 {count:7, sum:20, [-1e-128,1e-128]:1, (1,2]:1, (2,4]:2, (8,16]:3} @2000 from=1000 # {` + trace1 + `} 3 @1500`},
		},
		"a scale finer than native histograms have is made coarser": {
			func(m pmetric.Metric) {
				p := fillNative(m, "latency")
				p.SetScale(9)
				p.Positive().SetOffset(-3)
				p.SetZeroThreshold(0.25)
			},
			// buckets -3..0 with 1 2 0 3: pairs (-4,-3) (-2,-1) (0,1)
			[]string{`latency{job="shop"} schema=8 zero=1/0.25 {count:7, sum:20, [-0.25,0.25]:1, (0.9945994234836328,0.9972960560854698]:1, (0.9972960560854698,1]:2, (1,1.0027112750502025]:3} @2000 from=1000`},
		},
		"a summary becomes quantiles, sum and count": {
			func(m pmetric.Metric) {
				m.SetName("rpc")
				m.SetUnit("s")
				p := m.SetEmptySummary().DataPoints().AppendEmpty()
				p.SetTimestamp(ms(2000))
				p.SetStartTimestamp(ms(1000))
				p.SetCount(4)
				p.SetSum(2)
				q := p.QuantileValues().AppendEmpty()
				q.SetQuantile(0.99)
				q.SetValue(0.7)
			},
			[]string{
				`rpc_seconds_count{job="shop"} 4 @2000 from=1000`,
				`rpc_seconds_sum{job="shop"} 2 @2000 from=1000`,
				`rpc_seconds{job="shop",quantile="0.99"} 0.7 @2000`,
			},
		},
		"labels that the series set themselves win over attributes": {
			func(m pmetric.Metric) {
				p := fillHistogram(m, "h", "")
				p.ExplicitBounds().FromRaw(nil)
				p.BucketCounts().FromRaw(nil)
				p.Attributes().PutStr("le", "mine")
				p.Attributes().PutStr("__name__", "mine")
				p.Attributes().PutStr("job", "mine")
			},
			[]string{
				`h_count{job="shop",le="mine"} 6 @2000 from=1000`,
				`h_sum{job="shop",le="mine"} 60 @2000 from=1000`,
				`h_bucket{job="shop",le="+Inf"} 6 @2000 from=1000`,
			},
		},
		"attributes are escaped, sorted, joined where they collide, and left out where empty": {
			func(m pmetric.Metric) {
				p := fillCounter(m, "c", "").AppendEmpty()
				p.SetTimestamp(ms(2000))
				p.SetIntValue(1)
				a := p.Attributes()
				a.PutStr("Z", "upper")
				a.PutStr("http_route", "/b")
				a.PutStr("http.route", "/a")
				a.PutStr("http-route", "/a")
				a.PutStr("0", "digit")
				a.PutStr("_x", "underscore")
				a.PutStr("empty", "")
				a.PutInt("int", 7)
				a.PutStr("broken", "a\xffb")
			},
			[]string{`c_total{Z="upper",broken="a�b",http_route="/a;/b",int="7",job="shop",key_0="digit",key_x="underscore"} 1 @2000`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, dropped := translated(t, defaults(), payload(tt.fill))
			assert.Equal(t, tt.want, got)
			assert.Zero(t, dropped)
		})
	}
}

func TestStaleMarkersEndEverySeriesOfThePoint(t *testing.T) {
	tests := map[string]struct {
		fill func(pmetric.Metric)
		want []string
	}{
		"counter": {
			func(m pmetric.Metric) {
				p := fillCounter(m, "c", "").AppendEmpty()
				p.SetTimestamp(ms(2000))
				p.SetStartTimestamp(ms(1000))
				p.SetFlags(noRecordedValue)
			},
			[]string{`c_total{job="shop"} stale @2000`},
		},
		"histogram by its bounds, without counts and sum": {
			func(m pmetric.Metric) {
				p := fillHistogram(m, "h", "")
				p.SetFlags(noRecordedValue)
				p.BucketCounts().FromRaw(nil)
				p.RemoveSum()
				p.SetCount(0)
			},
			[]string{
				`h_count{job="shop"} stale @2000`, `h_sum{job="shop"} stale @2000`, `h_bucket{job="shop",le="5"} stale @2000`,
				`h_bucket{job="shop",le="10.5"} stale @2000`, `h_bucket{job="shop",le="+Inf"} stale @2000`,
			},
		},
		"histogram without bounds": {
			func(m pmetric.Metric) {
				p := fillHistogram(m, "h", "")
				p.SetFlags(noRecordedValue)
				p.ExplicitBounds().FromRaw(nil)
				p.BucketCounts().FromRaw(nil)
			},
			[]string{`h_count{job="shop"} stale @2000`, `h_sum{job="shop"} stale @2000`, `h_bucket{job="shop",le="+Inf"} stale @2000`},
		},
		"native histogram, without its buckets": {
			func(m pmetric.Metric) { fillNative(m, "latency").SetFlags(noRecordedValue) },
			[]string{`latency{job="shop"} stale(schema 0, 0 buckets) @2000`},
		},
		"summary": {
			func(m pmetric.Metric) {
				m.SetName("rpc")
				p := m.SetEmptySummary().DataPoints().AppendEmpty()
				p.SetTimestamp(ms(2000))
				p.SetFlags(noRecordedValue)
				p.QuantileValues().AppendEmpty().SetQuantile(0.5)
			},
			[]string{`rpc_count{job="shop"} stale @2000`, `rpc_sum{job="shop"} stale @2000`, `rpc{job="shop",quantile="0.5"} stale @2000`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			md := payload(tt.fill)
			md.ResourceMetrics().At(0).Resource().Attributes().PutStr("region", "eu")
			got, dropped := translated(t, defaults(), md)
			assert.Equal(t, tt.want, got, "and no target_info: nothing says that the target still lives")
			assert.Zero(t, dropped)
		})
	}
}

func TestPointsWithoutMeaningAreLeftOutAndCounted(t *testing.T) {
	valid := func(p pmetric.NumberDataPoint) {
		p.SetTimestamp(ms(2000))
		p.SetIntValue(1)
	}
	tests := map[Reason]func(pmetric.Metric){
		DeltaTemporality: func(m pmetric.Metric) {
			valid(fillCounter(m, "c", "").AppendEmpty())
			m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		},
		UnspecifiedTemporality: func(m pmetric.Metric) {
			valid(fillCounter(m, "c", "").AppendEmpty())
			m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityUnspecified)
		},
		InvalidName:      func(m pmetric.Metric) { valid(fillGauge(m, "...")) },
		NoTimestamp:      func(m pmetric.Metric) { fillGauge(m, "g").SetIntValue(1) },
		NoValue:          func(m pmetric.Metric) { fillGauge(m, "g").SetTimestamp(ms(2000)) },
		InvalidHistogram: func(m pmetric.Metric) { fillHistogram(m, "h", "").BucketCounts().FromRaw([]uint64{1}) },
		HistogramScale:   func(m pmetric.Metric) { fillNative(m, "n").SetScale(-5) },
		InvalidLabel: func(m pmetric.Metric) {
			p := fillGauge(m, "g")
			valid(p)
			p.Attributes().PutStr("", "no key")
		},
	}
	// Those of accumulated points have tests of their own.
	require.Len(t, tests, int(DeltaOutOfOrder), "a case for each reason")
	for reason, fill := range tests {
		t.Run(reason.String(), func(t *testing.T) {
			got, dropped := translated(t, defaults(), payload(fill))
			assert.Empty(t, got)
			want := Dropped{}
			want[reason] = 1
			assert.Equal(t, want, dropped)
		})
	}
	for name, fill := range map[string]func(pmetric.Metric){
		"bounds that do not rise":                           func(m pmetric.Metric) { fillHistogram(m, "h", "").ExplicitBounds().FromRaw([]float64{5, 5}) },
		"a bound that is NaN":                               func(m pmetric.Metric) { fillHistogram(m, "h", "").ExplicitBounds().FromRaw([]float64{1, math.NaN()}) },
		"bounds without counts":                             func(m pmetric.Metric) { fillHistogram(m, "h", "").BucketCounts().FromRaw(nil) },
		"a native histogram whose buckets exceed its count": func(m pmetric.Metric) { fillNative(m, "n").SetCount(3) },
	} {
		t.Run("invalid_histogram: "+name, func(t *testing.T) {
			got, dropped := translated(t, defaults(), payload(fill))
			assert.Empty(t, got)
			assert.Equal(t, 1, dropped[InvalidHistogram])
			assert.Equal(t, 1, dropped.Total())
		})
	}
}

func fillGauge(m pmetric.Metric, name string) pmetric.NumberDataPoint {
	m.SetName(name)
	return m.SetEmptyGauge().DataPoints().AppendEmpty()
}

func TestABadPointDoesNotTakeOthersWithIt(t *testing.T) {
	md := payload(func(m pmetric.Metric) {
		points := fillCounter(m, "c", "")
		points.AppendEmpty().SetIntValue(1) // no time
		p := points.AppendEmpty()
		p.SetTimestamp(ms(2000))
		p.SetIntValue(2)
	})
	got, dropped := translated(t, defaults(), md)
	assert.Equal(t, []string{`c_total{job="shop"} 2 @2000`}, got)
	assert.Equal(t, 1, dropped.Total())
}

func TestMetadata(t *testing.T) {
	translator, err := New(defaults())
	require.NoError(t, err)
	of := func(fill func(pmetric.Metric)) model.MetricType {
		var b Buffer
		translator.Translate(payload(fill), &b)
		require.NotEmpty(t, b.Series)
		return b.Series[0].Metadata.Type
	}
	number := func(p pmetric.NumberDataPoint) {
		p.SetTimestamp(ms(1))
		p.SetIntValue(1)
	}
	assert.Equal(t, model.MetricTypeCounter, of(func(m pmetric.Metric) { number(fillCounter(m, "c", "").AppendEmpty()) }))
	assert.Equal(t, model.MetricTypeGauge, of(func(m pmetric.Metric) { number(fillGauge(m, "g")) }))
	assert.Equal(t, model.MetricTypeHistogram, of(func(m pmetric.Metric) { fillHistogram(m, "h", "") }))
	assert.Equal(t, model.MetricTypeHistogram, of(func(m pmetric.Metric) { fillNative(m, "n") }))
	assert.Equal(t, model.MetricTypeUnknown, of(func(m pmetric.Metric) {
		number(fillGauge(m, "g"))
		m.Metadata().PutStr("prometheus.type", "unknown")
	}))
	assert.Equal(t, model.MetricTypeInfo, of(func(m pmetric.Metric) {
		number(fillCounter(m, "c", "").AppendEmpty())
		m.Sum().SetIsMonotonic(false)
		m.Metadata().PutStr("prometheus.type", "info")
	}))

	var b Buffer
	translator.Translate(payload(func(m pmetric.Metric) {
		fillHistogram(m, "h", "ms")
		m.SetDescription("How long.")
	}), &b)
	for i := range b.Series {
		assert.Equal(t, "How long.", b.Series[i].Metadata.Help)
		assert.Equal(t, "milliseconds", b.Series[i].Metadata.Unit)
	}
}

func TestPointsAndKeysOfAPayload(t *testing.T) {
	translator, err := New(defaults())
	require.NoError(t, err)
	md := payload(func(m pmetric.Metric) { fillHistogram(m, "h", "") })
	md.ResourceMetrics().At(0).Resource().Attributes().PutStr("region", "eu")
	other := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
	fillHistogram(other, "h2", "")

	var b, again Buffer
	translator.Translate(md, &b)
	translator.Translate(md, &again)
	translator.Translate(md, &again) // a used buffer gives the same
	assert.Equal(t, b.Series, again.Series)

	require.Len(t, b.Series, 11) // two histograms of five series, and target_info
	assert.Equal(t, 2, b.Points)
	keys := map[uint64]int{}
	points := 0
	for i := range b.Series {
		keys[b.Series[i].Key]++
		points += b.Series[i].Points
	}
	assert.Len(t, keys, 3, "the series of a data point have one key")
	assert.Equal(t, 2, points)
	assert.Zero(t, b.Series[10].Points)
	assert.True(t, b.Series[10].Info)
}
