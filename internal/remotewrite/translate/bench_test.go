package translate

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheusremotewrite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// redMetrics is one flush of calls and durations: operations series of each for every service.
func redMetrics(services, operations int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for service := range services {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("service.name", fmt.Sprint("service-", service))
		rm.Resource().Attributes().PutStr("deployment.environment.name", "production")
		metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
		calls := fillCounter(metrics.AppendEmpty(), "traces.span.metrics.calls", "")
		duration := metrics.AppendEmpty()
		duration.SetName("traces.span.metrics.duration")
		duration.SetUnit("ms")
		duration.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		for operation := range operations {
			c := calls.AppendEmpty()
			h := duration.Histogram().DataPoints().AppendEmpty()
			c.SetIntValue(int64(operation))
			h.ExplicitBounds().FromRaw([]float64{5, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000})
			h.BucketCounts().FromRaw([]uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
			h.SetCount(78)
			h.SetSum(1234.5)
			a := c.Attributes()
			a.PutStr("span.name", fmt.Sprint("GET /api/v1/resource/", operation))
			a.PutStr("span.kind", "SPAN_KIND_SERVER")
			a.PutStr("status.code", "STATUS_CODE_UNSET")
			a.PutStr("http.request.method", "GET")
			a.PutStr("http.route", fmt.Sprint("/api/v1/resource/", operation))
			a.PutInt("http.response.status_code", 200)
			a.CopyTo(h.Attributes())
			c.SetTimestamp(ms(2000))
			c.SetStartTimestamp(ms(1000))
			h.SetTimestamp(ms(2000))
			h.SetStartTimestamp(ms(1000))
		}
	}
	return md
}

// addExemplars gives every point three.
func addExemplars(md pmetric.Metrics) {
	n := uint64(0)
	add := func(to pmetric.ExemplarSlice) {
		for i := range 3 {
			n++
			e := to.AppendEmpty()
			e.SetTimestamp(ms(1500 + int64(i)))
			e.SetDoubleValue(float64(7 * (i + 1) * (i + 1)))
			var trace [16]byte
			binary.BigEndian.PutUint64(trace[:], n)
			e.SetTraceID(trace)
			e.SetSpanID([8]byte(trace[:8]))
		}
	}
	for _, rm := range md.ResourceMetrics().All() {
		metrics := rm.ScopeMetrics().At(0).Metrics()
		for i := range metrics.At(0).Sum().DataPoints().Len() {
			add(metrics.At(0).Sum().DataPoints().At(i).Exemplars())
			add(metrics.At(1).Histogram().DataPoints().At(i).Exemplars())
		}
	}
}

// What a data point costs in memory is its labels, which the buffer keeps, and the text of its numbers.
func TestAUsedBufferTranslatesWithFewAllocations(t *testing.T) {
	translator, err := New(defaults())
	require.NoError(t, err)
	md := redMetrics(1, 100)
	var b Buffer
	translator.Translate(md, &b)
	require.Len(t, b.Series, 100*15+1)
	allocs := testing.AllocsPerRun(10, func() { translator.Translate(md, &b) })
	assert.Less(t, allocs, 250.0, "200 points, each with one attribute that is a number")
}

func BenchmarkTranslate(b *testing.B) {
	md := redMetrics(101, 8)
	addExemplars(md)
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		translator, err := New(defaults())
		require.NoError(b, err)
		var buffer Buffer
		for b.Loop() {
			translator.Fill(md, &buffer)
		}
		perSeries(b, buffer.Len())
	})
	for _, message := range []remotewrite.Message{remotewrite.V1, remotewrite.V2} {
		b.Run("queued as "+message.Version(), func(b *testing.B) { benchmarkQueue(b, md, message) })
	}
	b.Run("contrib", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			series, err := prometheusremotewrite.FromMetrics(md, prometheusremotewrite.Settings{AddMetricSuffixes: true})
			require.NoError(b, err)
			n = len(series)
		}
		perSeries(b, n)
	})
}

// benchmarkQueue encodes one translated payload again and again, in memory and with a log.
func benchmarkQueue(b *testing.B, md pmetric.Metrics, message remotewrite.Message) {
	b.Run("memory", func(b *testing.B) { benchmarkStore(b, md, message, nil) })
	b.Run("log", func(b *testing.B) {
		benchmarkStore(b, md, message, &remotewrite.LogConfig{Dir: b.TempDir(), MaxBytes: 1 << 30})
	})
}

func benchmarkStore(b *testing.B, md pmetric.Metrics, message remotewrite.Message, log *remotewrite.LogConfig) {
	b.ReportAllocs()
	translator, err := New(defaults())
	require.NoError(b, err)
	var buffer Buffer
	translator.Fill(md, &buffer)
	var shards []*remotewrite.Shard
	q, err := remotewrite.NewQueue(remotewrite.QueueConfig{
		MinShards: 5, MaxShards: 5, MaxBytes: 1 << 30, MaxPayloads: 10, MaxBatchBytes: 3_000_000, Log: log,
		Start: func(shard *remotewrite.Shard) { shards = append(shards, shard) },
	})
	require.NoError(b, err)
	q.Start()
	size := 0
	for b.Loop() {
		if _, err := q.Add(message, epoch, remotewrite.Share{Source: &buffer}); err != nil {
			b.Fatal(err)
		}
		size = 0
		for _, s := range shards {
			for batch, _, _ := s.Next(epoch); batch != nil; batch, _, _ = s.Next(epoch) {
				size += len(batch.Body)
				s.Done(epoch, nil)
			}
		}
	}
	perSeries(b, buffer.Len())
	b.ReportMetric(float64(size)/float64(buffer.Len()), "bytes/series")
}

func perSeries(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/series")
}
