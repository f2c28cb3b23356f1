package remotewrite

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// randomSeries returns n series as the translator makes them, from a small set of labels so that many are shared.
func randomSeries(r *rand.Rand, n int) []Series {
	out := make([]Series, n)
	for i := range out {
		s := &out[i]
		s.Labels = []Label{{"__name__", fmt.Sprint("metric_", r.IntN(5))}, {"code", fmt.Sprint(r.IntN(3))}}
		for j := range r.IntN(4) {
			s.Labels = append(s.Labels, Label{fmt.Sprint("label_", j), fmt.Sprint("välue ", r.IntN(9))})
		}
		s.Metadata = Metadata{Type: model.MetricTypeCounter, Help: fmt.Sprint("help ", s.Labels[0].Value), Unit: "seconds"}
		s.Timestamp, s.Start = 1_700_000_000_000+int64(r.IntN(1000)), 1_600_000_000_000
		s.Key = uint64(r.IntN(50))
		s.Points = 1
		if r.IntN(4) == 0 {
			s.Labels[0].Value += "_native"
			s.Metadata.Type = model.MetricTypeHistogram
			s.Histogram = &histogram.Histogram{
				Schema: 3, ZeroThreshold: 1e-128, ZeroCount: 1, Count: 6, Sum: r.Float64(),
				PositiveSpans:   []histogram.Span{{Offset: -3, Length: 2}, {Offset: 5, Length: 1}},
				PositiveBuckets: []int64{1, 1, -1},
				NegativeSpans:   []histogram.Span{{Offset: 1, Length: 1}},
				NegativeBuckets: []int64{1},
			}
		} else {
			s.Value = r.Float64()
		}
		for range r.IntN(3) {
			s.Exemplars = append(s.Exemplars, Exemplar{
				Labels: []Label{{"trace_id", fmt.Sprint(r.Uint64())}}, Value: r.Float64(), Timestamp: s.Timestamp,
			})
		}
	}
	return out
}

// batchOf encodes series by themselves.
func batchOf(m Message, metadata bool, series []Series) *Batch {
	b := &Batch{Points: len(series), Since: time.Unix(7, 0)}
	return b.encode(newEncoder(m, metadata), series)
}

// carried is what a message keeps of series.
func carried(m Message, metadata bool, series []Series) []Series {
	out := slices.Clone(series)
	for i := range out {
		out[i].Key, out[i].Points = 0, 0
		if m == V1 {
			out[i].Start = 0
			if !metadata {
				out[i].Metadata = Metadata{}
			}
		}
	}
	return out
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	for seed := range uint64(50) {
		series := randomSeries(rand.New(rand.NewPCG(seed, 1)), 30)
		for _, m := range []Message{V1, V2} {
			for _, metadata := range []bool{true, m == V2} {
				b := batchOf(m, metadata, series)
				got, err := b.decode()
				require.NoError(t, err)
				require.Equal(t, carried(m, metadata, series), got, "%s, metadata %v", m, metadata)
				assert.Equal(t, 30, b.Series)
			}
		}
	}
}

func TestNoSeriesExceedsItsSizeBound(t *testing.T) {
	for seed := range uint64(200) {
		for _, s := range randomSeries(rand.New(rand.NewPCG(seed, 2)), 3) {
			for _, m := range []Message{V1, V2} {
				e := newEncoder(m, true)
				empty := e.size()
				e.add(&s)
				assert.LessOrEqual(t, e.size()-empty, s.sizeBound(), m)
			}
		}
	}
}

func TestSymbolsOf20Requests(t *testing.T) {
	series := randomSeries(rand.New(rand.NewPCG(1, 3)), 200)
	e := newEncoder(V2, false)
	for _, series := range [][]Series{series, series[100:]} { // an encoder is used again
		for i := range series {
			e.add(&series[i])
		}
		body, err := s2.Decode(nil, e.take())
		require.NoError(t, err)
		var req writev2.Request
		require.NoError(t, req.Unmarshal(body))
		require.Len(t, req.Timeseries, len(series))
		assert.Empty(t, req.Symbols[0], "symbol 0 is the empty string")
		sorted := slices.Sorted(slices.Values(req.Symbols))
		assert.Len(t, slices.Compact(sorted), len(req.Symbols), "no symbol is there twice")
		used := map[uint32]bool{0: true}
		for i, ts := range req.Timeseries {
			require.Len(t, ts.LabelsRefs, 2*len(series[i].Labels))
			for j, l := range series[i].Labels {
				assert.Equal(t, Label{req.Symbols[ts.LabelsRefs[2*j]], req.Symbols[ts.LabelsRefs[2*j+1]]}, l)
			}
			assert.NotEqual(t, len(ts.Samples) > 0, len(ts.Histograms) > 0, "samples or histograms")
			used[ts.Metadata.HelpRef], used[ts.Metadata.UnitRef] = true, true
			for _, ref := range ts.LabelsRefs {
				used[ref] = true
			}
			for _, x := range ts.Exemplars {
				for _, ref := range x.LabelsRefs {
					used[ref] = true
				}
			}
		}
		assert.Len(t, used, len(req.Symbols), "every symbol is used, every reference is one")
	}
}

func TestMetadataOf10RequestsNamesTheFamilyOnce(t *testing.T) {
	of := func(name string, typ model.MetricType, more ...Label) Series {
		return Series{
			Labels: append([]Label{{"__name__", name}}, more...), Metadata: Metadata{Type: typ, Help: "h", Unit: "u"}, Timestamp: 1,
		}
	}
	native := of("latency_sum", model.MetricTypeHistogram)
	native.Histogram = &histogram.Histogram{}
	series := []Series{
		of("calls_total", model.MetricTypeCounter), of("calls_total", model.MetricTypeCounter, Label{"a", "b"}),
		of("h_bucket", model.MetricTypeHistogram, Label{"le", "1"}), of("h_sum", model.MetricTypeHistogram), of("h_count", model.MetricTypeHistogram),
		native,
		of("rpc_count", model.MetricTypeSummary, Label{"quantile", "0.5"}), of("rpc_count_sum", model.MetricTypeSummary),
		of("used_sum", model.MetricTypeGauge),
	}
	e := newEncoder(V1, true)
	for range 2 { // an encoder is used again
		for i := range series {
			e.add(&series[i])
		}
		body, err := s2.Decode(nil, e.take())
		require.NoError(t, err)
		var req prompb.WriteRequest
		require.NoError(t, req.Unmarshal(body))
		var got []string
		for _, md := range req.Metadata {
			got = append(got, fmt.Sprint(md.MetricFamilyName, " ", md.Type, " ", md.Help, " ", md.Unit))
		}
		assert.Equal(t, []string{
			"calls_total COUNTER h u", "h HISTOGRAM h u", "latency_sum HISTOGRAM h u", "rpc_count SUMMARY h u", "used_sum GAUGE h u",
		}, got)
	}
}

func TestSplitGivesTwoHalvesInOrder(t *testing.T) {
	series := randomSeries(rand.New(rand.NewPCG(1, 4)), 31)
	for i := range series {
		series[i].Labels = append(series[i].Labels, Label{"zone", fmt.Sprint(i)}) // no two are one
	}
	for _, m := range []Message{V1, V2} {
		b := batchOf(m, true, series)
		before := slices.Clone(b.Body)
		first, second, err := b.Split()
		require.NoError(t, err)
		assert.Equal(t, before, b.Body, "the batch stays as it is")
		one, err := first.decode()
		require.NoError(t, err)
		two, err := second.decode()
		require.NoError(t, err)
		assert.Equal(t, carried(m, true, series), append(one, two...))
		assert.Equal(t, []int{15, 16}, []int{first.Series, second.Series})
		assert.Equal(t, b.Counts, first.Counts.Add(second.Counts))
		assert.Equal(t, b.Points, first.Points+second.Points)
		assert.Equal(t, b.Since, second.Since)
		assert.Less(t, len(second.Body), len(b.Body), "a half has only its own symbols")
	}
	_, _, err := batchOf(V2, true, series[:1]).Split()
	assert.ErrorIs(t, err, ErrCannotSplit)
	_, _, err = (&Batch{Message: V2, Series: 2, Body: []byte("no snappy")}).Split()
	assert.ErrorContains(t, err, "cannot split a batch")
}

// The halves have no series in common, and the samples of each stay in order.
func TestSplitKeepsASeriesTogether(t *testing.T) {
	var series []Series
	for at := range int64(5) {
		for _, name := range []string{"a", "b", "c"} {
			series = append(series, Series{Labels: []Label{{"__name__", name}}, Timestamp: at + 1})
		}
	}
	render := func(b *Batch) (out []string) {
		got, err := b.decode()
		require.NoError(t, err)
		for i := range got {
			out = append(out, fmt.Sprint(got[i].Labels[0].Value, got[i].Timestamp))
		}
		return out
	}
	whole := batchOf(V2, true, series)
	whole.derived = false
	first, second, err := whole.Split()
	require.NoError(t, err)
	assert.Equal(t, []string{"a1", "a2", "a3", "a4", "a5"}, render(first))
	assert.Equal(t, []string{"b1", "c1", "b2", "c2", "b3", "c3", "b4", "c4", "b5", "c5"}, render(second))
	assert.True(t, first.Apart() && second.Apart())
	one, two, err := first.Split()
	require.NoError(t, err)
	assert.Equal(t, []string{"a1", "a2"}, render(one))
	assert.Equal(t, []string{"a3", "a4", "a5"}, render(two))
	assert.False(t, one.Apart() || two.Apart())
}

func TestTranscode(t *testing.T) {
	series := randomSeries(rand.New(rand.NewPCG(1, 5)), 20)
	b := batchOf(V2, false, series)
	for _, metadata := range []bool{false, true} {
		old, err := b.Transcode(V1, metadata)
		require.NoError(t, err)
		got, err := old.decode()
		require.NoError(t, err)
		assert.Equal(t, V1, old.Message)
		assert.Equal(t, carried(V1, metadata, series), got)
		assert.Equal(t, b.Counts, old.Counts)
		assert.Equal(t, b.Points, old.Points)
	}
	_, err := (&Batch{Message: V2, Body: s2.EncodeSnappy(nil, []byte{0xff})}).Transcode(V1, false)
	assert.ErrorContains(t, err, "cannot turn a io.prometheus.write.v2.Request into a prometheus.WriteRequest")
}

// A steady load encodes without allocating: what a batch costs is its body.
func TestEncodingFloatsAllocatesNothingPerSeries(t *testing.T) {
	series := randomSeries(rand.New(rand.NewPCG(1, 6)), 100)
	for i := range series {
		series[i].Histogram, series[i].Exemplars = nil, nil
	}
	for _, m := range []Message{V1, V2} {
		e := newEncoder(m, false)
		run := func() {
			for i := range series {
				e.add(&series[i])
			}
			switch e := e.(type) {
			case *encoderV1:
				e.body = e.body[:0]
			case *encoderV2:
				e.timeseries = e.timeseries[:0]
			}
		}
		run()
		assert.Zero(t, testing.AllocsPerRun(10, run), m)
	}
}

// FuzzDecode: a body that was written down and came back damaged is an error, never a panic.
func FuzzDecode(f *testing.F) {
	for _, m := range []Message{V1, V2} {
		body, _ := s2.Decode(nil, batchOf(m, true, randomSeries(rand.New(rand.NewPCG(1, 7)), 3)).Body)
		f.Add(body, m == V2)
	}
	f.Fuzz(func(t *testing.T, body []byte, two bool) {
		b := &Batch{Message: V1, Series: 2, Body: s2.EncodeSnappy(nil, body)}
		if two {
			b.Message = V2
		}
		series, err := b.decode()
		if err != nil {
			return
		}
		for i := range series {
			if h := series[i].Histogram; h != nil && h.Validate() != nil {
				return
			}
		}
		again, err := b.encode(newEncoder(b.Message, true), series).decode()
		require.NoError(t, err)
		assert.Len(t, again, len(series))
	})
}

func BenchmarkEncode(b *testing.B) {
	series := randomSeries(rand.New(rand.NewPCG(1, 8)), 10_000)
	for _, m := range []Message{V1, V2} {
		b.Run(string(m), func(b *testing.B) {
			b.ReportAllocs()
			e := newEncoder(m, false)
			size := 0
			for b.Loop() {
				for i := range series {
					e.add(&series[i])
				}
				size = len(e.take())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(series)), "ns/series")
			b.ReportMetric(float64(size)/float64(len(series)), "bytes/series")
		})
	}
}
