package remotewrite

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// customSeries is a histogram with custom buckets: up to 5: 1, up to 10.5: none, up to 20: 2, above: 4.
func customSeries(at int64) Series {
	return Series{
		Labels:    []Label{{"__name__", "h"}, {"job", "shop"}, {"zone", "z"}},
		Metadata:  Metadata{Type: model.MetricTypeHistogram, Help: "help", Unit: "seconds"},
		Timestamp: at, Key: 7, Points: 1,
		Histogram: &histogram.Histogram{
			Schema: histogram.CustomBucketsSchema, Count: 7, Sum: 90, CustomValues: []float64{5, 10.5, 20},
			PositiveSpans: []histogram.Span{{Length: 1}, {Offset: 1, Length: 2}}, PositiveBuckets: []int64{1, 1, 2},
		},
		Exemplars: []Exemplar{
			{Labels: []Label{{"trace_id", "a"}}, Value: 99, Timestamp: 1},
			{Labels: []Label{{"trace_id", "b"}}, Value: 5, Timestamp: 2},
			{Labels: []Label{{"trace_id", "c"}}, Value: 5.1, Timestamp: 3},
			{Labels: []Label{{"trace_id", "d"}}, Value: math.NaN(), Timestamp: 4},
		},
	}
}

func lines(series []Series) (out []string) {
	for _, s := range series {
		line := ""
		for _, l := range s.Labels {
			line += l.Name + "=" + l.Value + " "
		}
		v := fmt.Sprint(s.Value)
		if value.IsStaleNaN(s.Value) {
			v = "stale"
		}
		line += fmt.Sprint(v, " @", s.Timestamp)
		for _, x := range s.Exemplars {
			line += " # " + x.Labels[0].Value
		}
		out = append(out, line)
	}
	return out
}

var classicLines = []string{
	"__name__=h_count job=shop zone=z 7 @1000",
	"__name__=h_sum job=shop zone=z 90 @1000",
	"__name__=h_bucket job=shop le=5 zone=z 1 @1000 # b",
	"__name__=h_bucket job=shop le=10.5 zone=z 1 @1000 # c",
	"__name__=h_bucket job=shop le=20 zone=z 3 @1000",
	"__name__=h_bucket job=shop le=+Inf zone=z 7 @1000 # a",
}

func TestCustomBucketsAreClassicSeriesIn10(t *testing.T) {
	stale := customSeries(1000)
	stale.Histogram = &histogram.Histogram{
		Schema: histogram.CustomBucketsSchema, Sum: math.Float64frombits(value.StaleNaN), CustomValues: []float64{5},
	}
	stale.Exemplars = nil
	empty := customSeries(1000)
	empty.Labels = []Label{{"__name__", "h"}, {"le", "mine"}}
	empty.Histogram, empty.Exemplars = &histogram.Histogram{Schema: histogram.CustomBucketsSchema}, nil
	tests := map[string]struct {
		in   Series
		want []string
	}{
		"buckets, sum, count and exemplars": {customSeries(1000), classicLines},
		"a stale marker in each": {stale, []string{
			"__name__=h_count job=shop zone=z stale @1000", "__name__=h_sum job=shop zone=z stale @1000",
			"__name__=h_bucket job=shop le=5 zone=z stale @1000", "__name__=h_bucket job=shop le=+Inf zone=z stale @1000",
		}},
		"without bounds, and with a label le": {empty, []string{
			"__name__=h_count le=mine 0 @1000", "__name__=h_sum le=mine 0 @1000", "__name__=h_bucket le=+Inf 0 @1000",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			two := batchOf(V2, true, []Series{tt.in})
			assert.Equal(t, 1, two.Series)
			kept, err := two.decode()
			require.NoError(t, err)
			assert.Equal(t, tt.in.Histogram.Schema, kept[0].Histogram.Schema)
			assert.Equal(t, tt.in.Histogram.CustomValues, kept[0].Histogram.CustomValues)
			assert.Equal(t, tt.in.Histogram.PositiveBuckets, kept[0].Histogram.PositiveBuckets)
			old, err := two.Transcode(V1, true)
			require.NoError(t, err)
			got, err := old.decode()
			require.NoError(t, err)
			assert.Equal(t, tt.want, lines(got))
			assert.Equal(t, len(tt.want), old.Series)
			assert.Equal(t, Counts{Samples: len(tt.want), Exemplars: max(len(tt.in.Exemplars)-1, 0)}, old.Counts, "an exemplar that is no number is in no bucket")
			for _, s := range got {
				assert.Equal(t, tt.in.Metadata, s.Metadata)
			}
			assert.Equal(t, batchOf(V1, true, []Series{tt.in}).Body, old.Body, "encoded at once")
		})
	}
}

func TestClassicSeriesThatAreThereAreNotRepeatedIn10(t *testing.T) {
	var both []Series
	for _, at := range []int64{1000, 2000} {
		s := customSeries(at)
		both = append(append(both, classicOf(&s)...), s)
	}
	old, err := batchOf(V2, true, both).Transcode(V1, false)
	require.NoError(t, err)
	got, err := old.decode()
	require.NoError(t, err)
	assert.Len(t, got, 12)
	assert.Equal(t, classicLines, lines(got[:6]))
	assert.Equal(t, Counts{Samples: 12, Exemplars: 6}, old.Counts)

	next := customSeries(2000)
	got, err = batchOf(V1, false, append(both[:6:6], next)).decode()
	require.NoError(t, err)
	assert.Len(t, got, 12, "those of another time say something else")
}

func TestAQueueCountsWhatItHoldsAsItIsSent(t *testing.T) {
	q := newQueue(t, alone())
	add(t, q, []Series{customSeries(1000)}, V2)
	shard := shards(q)[0]
	assert.Equal(t, 1, q.Pending().Samples)
	old, err := head(shard).Transcode(V1, false)
	require.NoError(t, err)
	shard.Replace(old)
	assert.Equal(t, 6, q.Pending().Samples)
	first, second, err := old.Split()
	require.NoError(t, err)
	shard.Replace(first, second)
	assert.Equal(t, 6, q.Pending().Samples)
	shard.Done(epoch, nil)
	shard.Done(epoch, nil)
	assert.Zero(t, holds(q))
}

func TestNoHistogramWithCustomBucketsExceedsItsSizeBound(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := customSeries(math.MaxInt64)
		s.Histogram.CustomValues = []float64{-math.MaxFloat64, -math.SmallestNonzeroFloat64, 1e-6, 0.1 + r.Float64(), 1e21}
		s.Histogram.Sum = r.Float64()
		for _, m := range []Message{V1, V2} {
			e := newEncoder(m, true)
			empty := e.size()
			e.add(&s)
			assert.LessOrEqual(t, e.size()-empty, s.sizeBound(), m)
		}
	}
}

func TestDamagedCustomBucketsAreAnError(t *testing.T) {
	s := customSeries(1000)
	s.Histogram.PositiveSpans[1].Length = 200
	_, err := batchOf(V2, true, []Series{s}).Transcode(V1, false)
	assert.ErrorContains(t, err, "cannot decode the histogram of series 0")
}
