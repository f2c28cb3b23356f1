package red

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

var benchDimensions = []string{
	"http.request.method", "http.route", "http.response.status_code", "server.address", "url.scheme",
	"network.protocol.version", "k8s.cluster.name",
}

// benchBatches returns requests of 256 spans: runs of services, each with 8 routes, 7 dimensions of which one is a number
// and one comes from the resource.
func benchBatches(s *spanview.Schema, requests, services int) []*spanview.Batch {
	slot := func(key string) spanview.SpanSlot {
		i, _ := s.SpanSlot(key)
		return i
	}
	resourceSlot := func(key string) spanview.ResourceSlot {
		i, _ := s.ResourceSlot(key)
		return i
	}
	text := func(s string) spanview.Value { return spanview.Value{Type: spanview.String, Str: s} }
	for _, key := range benchDimensions {
		slot(key)
		resourceSlot(key)
	}
	var batches []*spanview.Batch
	n := 0
	for range requests {
		b := &spanview.Batch{}
		b.Reset(s)
		for range 16 {
			service := (n / 16) % services
			r := b.AddResource()
			*b.ResourceValue(r, resourceSlot("service.name")) = text(fmt.Sprintf("service-%04d", service))
			*b.ResourceValue(r, resourceSlot("service.namespace")) = text("shop")
			*b.ResourceValue(r, resourceSlot("deployment.environment.name")) = text("production")
			*b.ResourceValue(r, resourceSlot("k8s.cluster.name")) = text("eu-west-1a")
			for range 16 {
				n++
				route := (n * 7919 >> 3) % 8
				i := b.AddSpan()
				sp := &b.Spans[i]
				sp.Resource = int32(r)
				sp.Name = fmt.Sprintf("GET /api/v1/resource-%d/{id}", route)
				sp.Kind = int32(2 + n%2)
				if n%97 == 0 {
					sp.Status = spanview.StatusError
				}
				sp.Start = 1_700_000_000_000_000_000
				sp.End = sp.Start + uint64(n*7919%3_000)*1_000_003
				*b.SpanValue(i, slot("http.request.method")) = text("GET")
				*b.SpanValue(i, slot("http.route")) = text(fmt.Sprintf("/api/v1/resource-%d/{id}", route))
				*b.SpanValue(i, slot("http.response.status_code")) = spanview.Value{Type: spanview.Int, Num: uint64(200 + 200*(n%2))}
				*b.SpanValue(i, slot("server.address")) = text("shop.example.com")
				*b.SpanValue(i, slot("url.scheme")) = text("https")
				*b.SpanValue(i, slot("network.protocol.version")) = text("1.1")
			}
		}
		batches = append(batches, b)
	}
	return batches
}

func benchAggregator(tb testing.TB, adapt func(*Config)) (*Aggregator, *spanview.Schema) {
	cfg := DefaultConfig()
	for _, name := range benchDimensions {
		cfg.Dimensions = append(cfg.Dimensions, Dimension{Name: name})
	}
	if adapt != nil {
		adapt(&cfg)
	}
	schema := &spanview.Schema{}
	a, err := New(cfg, Options{WriterID: "gateway-0", Lanes: 2, Start: time.Unix(1_700_000_000, 0)}, schema)
	require.NoError(tb, err)
	return a, schema
}

func benchmarkObserve(b *testing.B, services int, adapt func(*Config)) {
	a, schema := benchAggregator(b, adapt)
	batches := benchBatches(schema, max(8, services/16), services)
	now := time.Unix(1_700_000_000, 0)
	for _, batch := range batches {
		a.Observe(0, batch, now)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		a.Observe(0, batches[i%len(batches)], now)
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/span")
	b.ReportMetric(float64(a.Stats().Series), "series")
}

func BenchmarkObserve(b *testing.B) {
	b.Run("explicit", func(b *testing.B) { benchmarkObserve(b, 20, nil) })
	b.Run("exponential", func(b *testing.B) {
		benchmarkObserve(b, 20, func(c *Config) { c.Histogram.Exponential = &ExponentialConfig{} })
	})
	b.Run("no dimensions", func(b *testing.B) { benchmarkObserve(b, 20, func(c *Config) { c.Dimensions = nil }) })
	b.Run("2000 services", func(b *testing.B) { benchmarkObserve(b, 2000, nil) })
	b.Run("overflow", func(b *testing.B) {
		benchmarkObserve(b, 20, func(c *Config) { c.AggregationCardinalityLimit = 1 })
	})
}

// BenchmarkFirstSight is what a key costs that is seen for the first time since a flush; few of its spans have a key that
// another had.
func BenchmarkFirstSight(b *testing.B) {
	a, schema := benchAggregator(b, nil)
	batches := benchBatches(schema, 8, 2000)
	now := time.Unix(1_700_000_000, 0)
	series := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		now = now.Add(time.Second)
		a.Flush(now, pmetric.NewMetrics())
		b.StartTimer()
		for _, batch := range batches {
			a.Observe(0, batch, now)
		}
		series = a.Stats().Series
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(series), "ns/series")
}

// BenchmarkFlush is a flush of 801 series, all of them active, each with exemplars in three buckets.
func BenchmarkFlush(b *testing.B) {
	a, schema := benchAggregator(b, func(c *Config) {
		c.Dimensions = []Dimension{{Name: "http.request.method"}, {Name: "http.route"}, {Name: "http.response.status_code"}}
		c.Exemplars.Enabled = true
	})
	batches := benchBatches(schema, 43, 43)
	now := time.Unix(1_700_000_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for _, batch := range batches {
			a.Observe(0, batch, now)
		}
		for id := range uint32(a.Stats().Series) {
			for i := range uint64(3) {
				a.Exemplar(id+1, Exemplar{
					TraceID: [16]byte{1}, SpanID: [8]byte{1}, DurationNanos: 7_000_000 * (i + 1) * (i + 1),
					Timestamp: uint64(now.UnixNano()) + i*uint64(time.Millisecond),
				})
			}
		}
		now = now.Add(time.Second)
		md := pmetric.NewMetrics()
		b.StartTimer()
		a.Flush(now, md)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(a.Stats().Series), "ns/series")
	b.ReportMetric(float64(a.Stats().Series), "series")
}
