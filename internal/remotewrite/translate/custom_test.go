package translate

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

func customBuckets() Settings {
	s := defaults()
	s.CustomBuckets = true
	return s
}

func TestExplicitHistogramsWithCustomBuckets(t *testing.T) {
	tests := map[string]struct {
		change func(pmetric.HistogramDataPoint)
		want   string
	}{
		"bounds, counts, sum and start": {
			func(pmetric.HistogramDataPoint) {},
			`h{job="shop"} schema=-53 zero=0/0 {count:6, sum:60, [-Inf,5]:1, (5,10.5]:2, (10.5,+Inf]:3} @2000 from=1000`,
		},
		"exemplars are in time order": {
			func(p pmetric.HistogramDataPoint) {
				addExemplar(p.Exemplars(), 7, ms(1800), 0)
				addExemplar(p.Exemplars(), 99, ms(1700), 0)
			},
			`h{job="shop"} schema=-53 zero=0/0 {count:6, sum:60, [-Inf,5]:1, (5,10.5]:2, (10.5,+Inf]:3} @2000 from=1000 # {} 99 @1700 # {} 7 @1800`,
		},
		"a bound of +Inf is none": {
			func(p pmetric.HistogramDataPoint) {
				p.ExplicitBounds().FromRaw([]float64{5, inf})
				p.BucketCounts().FromRaw([]uint64{1, 4, 1})
			},
			`h{job="shop"} schema=-53 zero=0/0 {count:6, sum:60, [-Inf,5]:1, (5,+Inf]:5} @2000 from=1000`,
		},
		"without bounds there is one bucket": {
			func(p pmetric.HistogramDataPoint) {
				p.ExplicitBounds().FromRaw(nil)
				p.BucketCounts().FromRaw(nil)
			},
			`h{job="shop"} schema=-53 zero=0/0 {count:6, sum:60, [-Inf,+Inf]:6} @2000 from=1000`,
		},
		"what is counted and in no bucket is above all bounds, as in the bucket +Inf of a classic one": {
			func(p pmetric.HistogramDataPoint) { p.SetCount(8) },
			`h{job="shop"} schema=-53 zero=0/0 {count:8, sum:60, [-Inf,5]:1, (5,10.5]:2, (10.5,+Inf]:5} @2000 from=1000`,
		},
		"an empty one": {
			func(p pmetric.HistogramDataPoint) {
				p.BucketCounts().FromRaw([]uint64{0, 0, 0})
				p.SetCount(0)
				p.SetSum(0)
			},
			`h{job="shop"} schema=-53 zero=0/0 {count:0, sum:0} @2000 from=1000`,
		},
		"one without a sum has sum 0": {
			func(p pmetric.HistogramDataPoint) { p.RemoveSum() },
			`h{job="shop"} schema=-53 zero=0/0 {count:6, sum:0, [-Inf,5]:1, (5,10.5]:2, (10.5,+Inf]:3} @2000 from=1000`,
		},
		"a stale marker has no buckets": {
			func(p pmetric.HistogramDataPoint) { p.SetFlags(noRecordedValue) },
			`h{job="shop"} stale(schema -53, 0 buckets) @2000`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			md := payload(func(m pmetric.Metric) { tt.change(fillHistogram(m, "h", "")) })
			got, dropped := translated(t, customBuckets(), md)
			assert.Equal(t, []string{tt.want}, got)
			assert.Zero(t, dropped)

			both := customBuckets()
			both.KeepClassic = true
			got, dropped = translated(t, both, md)
			classic, _ := translated(t, defaults(), md)
			assert.Equal(t, append(classic, tt.want), got, "classic ones first")
			assert.Zero(t, dropped)
		})
	}
}

func TestCustomBucketsThatExceedTheCountAreLeftOut(t *testing.T) {
	md := payload(func(m pmetric.Metric) { fillHistogram(m, "h", "").SetCount(2) })
	for _, keep := range []bool{false, true} {
		s := customBuckets()
		s.KeepClassic = keep
		got, dropped := translated(t, s, md)
		assert.Empty(t, got)
		assert.Equal(t, 1, dropped[InvalidHistogram])
	}
}

func TestAStaleMarkerWithCustomBucketsKeepsTheBounds(t *testing.T) {
	translator, err := New(customBuckets())
	require.NoError(t, err)
	var b Buffer
	translator.Translate(payload(func(m pmetric.Metric) { fillHistogram(m, "h", "").SetFlags(noRecordedValue) }), &b)
	assert.Equal(t, []float64{5, 10.5}, b.Series[0].Histogram.CustomValues)
}

// withSums gives a sum of 0 to histograms that have none: custom buckets have no way to say it.
func withSums(md pmetric.Metrics) pmetric.Metrics {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Type() != pmetric.MetricTypeHistogram {
					continue
				}
				for _, p := range m.Histogram().DataPoints().All() {
					p.SetSum(p.Sum())
				}
			}
		}
	}
	return md
}

// sent returns the first request of a payload.
func sent(t *testing.T, s Settings, md pmetric.Metrics, m remotewrite.Message) *remotewrite.Batch {
	t.Helper()
	translator, err := New(s)
	require.NoError(t, err)
	var b Buffer
	translator.Fill(md, &b)
	var shard *remotewrite.Shard
	q, err := remotewrite.NewQueue(remotewrite.QueueConfig{
		MinShards: 1, MaxShards: 1, MaxBytes: 1 << 30, MaxPayloads: 10, MaxBatchBytes: 1 << 24, Metadata: true,
		Start: func(s *remotewrite.Shard) { shard = s },
	})
	require.NoError(t, err)
	q.Start()
	_, err = q.Add(m, epoch, remotewrite.Share{Source: &b})
	require.NoError(t, err)
	batch, _, _ := shard.Next(epoch)
	return batch
}

// Whatever happens on the way, a 1.0 endpoint is sent the classic series of the translator, to the byte.
func TestCustomBucketsBecomeTheTranslatorsClassicSeriesIn10(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 5))
		md := withSums(randomMetrics(r))
		stale := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
		fillHistogram(stale, "ended", "s").SetFlags(noRecordedValue)
		want := sent(t, defaults(), md, remotewrite.V1)
		for _, keep := range []bool{false, true} {
			s := customBuckets()
			s.KeepClassic = keep
			require.Equal(t, want.Body, sent(t, s, md, remotewrite.V1).Body)
			got, err := sent(t, s, md, remotewrite.V2).Transcode(remotewrite.V1, true)
			require.NoError(t, err)
			require.Equal(t, want.Body, got.Body, "seed %d", seed)
			require.Equal(t, []any{want.Series, want.Counts, want.Points}, []any{got.Series, got.Counts, got.Points})
		}
	}
}

func TestAFreshBufferHasRoomForCustomBucketsToo(t *testing.T) {
	md := redMetrics(10, 10)
	addExemplars(md)
	for _, keep := range []bool{false, true} {
		s := customBuckets()
		s.KeepClassic = keep
		translator, err := New(s)
		require.NoError(t, err)
		var b Buffer
		translator.grow(&b, md)
		want := [...]int{cap(b.samples), cap(b.placed), cap(b.arena), cap(b.exemplars)}
		translator.Fill(md, &b)
		require.Equal(t, want, [...]int{cap(b.samples), cap(b.placed), cap(b.arena), cap(b.exemplars)})
	}
}

func TestNeighboursShareTheirBounds(t *testing.T) {
	var b Buffer
	in := pcommon.NewFloat64Slice()
	in.FromRaw([]float64{1, 2, inf})
	one := b.customBounds(in)
	assert.Equal(t, []float64{1, 2}, one)
	assert.Same(t, &one[0], &b.customBounds(in)[0])
	in.FromRaw([]float64{1, 3})
	assert.Equal(t, []float64{1, 3}, b.customBounds(in))
	assert.Equal(t, []float64{1, 2}, one, "what was handed out stays")
}
