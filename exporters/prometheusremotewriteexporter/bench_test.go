package prometheusremotewriteexporter

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// flushed is one flush of calls and durations with exemplars: operations series of each for every service.
func flushed(services, operations int) pmetric.Metrics {
	const cumulative = pmetric.AggregationTemporalityCumulative
	at := time.Unix(1_700_000_000, 0)
	md := pmetric.NewMetrics()
	for service := range services {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("service.name", fmt.Sprint("service-", service))
		rm.Resource().Attributes().PutStr("service.instance.id", "gateway-0")
		metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
		calls, duration := metrics.AppendEmpty(), metrics.AppendEmpty()
		calls.SetName("traces.span.metrics.calls")
		calls.SetEmptySum().SetIsMonotonic(true)
		calls.Sum().SetAggregationTemporality(cumulative)
		duration.SetName("traces.span.metrics.duration")
		duration.SetUnit("ms")
		duration.SetEmptyHistogram().SetAggregationTemporality(cumulative)
		for operation := range operations {
			c, h := calls.Sum().DataPoints().AppendEmpty(), duration.Histogram().DataPoints().AppendEmpty()
			c.SetIntValue(int64(1000 * operation))
			h.ExplicitBounds().FromRaw([]float64{5, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000})
			h.BucketCounts().FromRaw([]uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
			h.SetCount(78)
			h.SetSum(1234.5)
			a := c.Attributes()
			a.PutStr("service.name", fmt.Sprint("service-", service))
			a.PutStr("span.name", fmt.Sprint("GET /api/v1/resource/", operation))
			a.PutStr("span.kind", "SPAN_KIND_SERVER")
			a.PutStr("status.code", "STATUS_CODE_UNSET")
			a.PutStr("http.request.method", "GET")
			a.PutStr("http.route", fmt.Sprint("/api/v1/resource/", operation))
			a.PutInt("http.response.status_code", 200)
			a.CopyTo(h.Attributes())
			for i := range 3 {
				e := c.Exemplars().AppendEmpty()
				e.SetTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(i) * time.Millisecond)))
				e.SetDoubleValue(float64(7 * (i + 1) * (i + 1)))
				e.SetTraceID(pcommon.TraceID{byte(service), byte(operation), byte(i), 1})
				e.SetSpanID(pcommon.SpanID{byte(service), byte(operation), byte(i), 1})
			}
			c.Exemplars().CopyTo(h.Exemplars())
			c.SetTimestamp(pcommon.NewTimestampFromTime(at.Add(15 * time.Second)))
			c.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
			h.SetTimestamp(c.Timestamp())
			h.SetStartTimestamp(c.StartTimestamp())
		}
	}
	return md
}

// BenchmarkFlush is what a flush of 808 series costs from the exporter's door to the endpoint's answers; a series is one of
// calls and one of durations, of which remote write makes 15. Two garbage collections lie between flushes, as in a gateway
// that is busy with spans. The endpoint's reading of the body is part of the CPU time.
func BenchmarkFlush(b *testing.B) {
	const services, operations = 101, 8
	md := flushed(services, operations)
	for _, message := range bothMessages {
		b.Run(string(message), func(b *testing.B) {
			h := newHarness(b, func(c *Config) {
				c.ProtobufMessage = message
				c.Queue.NumConsumers = createDefaultConfig().(*Config).Queue.NumConsumers
			})
			h.overNetwork(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if message == remotewrite.V2 {
					w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "1000000")
				}
				w.WriteHeader(http.StatusNoContent)
			}))
			flush := func() {
				payload, err := h.enqueue(context.Background(), md)
				require.NoError(b, err)
				<-payload.Done()
				require.NoError(b, payload.Err())
			}
			flush()
			b.ReportAllocs()
			var used time.Duration
			for b.Loop() {
				b.StopTimer()
				runtime.GC()
				runtime.GC()
				b.StartTimer()
				before := cpu(b)
				flush()
				used += cpu(b) - before
			}
			b.ReportMetric(float64(used.Nanoseconds())/float64(b.N)/(services*operations), "cpu-ns/series")
			require.NoError(b, h.Shutdown(context.Background()))
		})
	}
}

// cpu returns the CPU time that the process has used.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
