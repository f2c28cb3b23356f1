package metricload

import (
	"fmt"
	"math/rand/v2"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

var (
	methodNames = [methods]string{"GET", "POST", "PUT", "DELETE", "PATCH"}
	// What the metrics of a process are called: work, as gauges, and work done, as counters.
	subjects = [gauges]string{"queue", "pool", "cache", "session", "worker", "buffer", "upstream", "lock", "transaction", "stream"}
)

// fill makes the metrics of one resource.
func fill(md pmetric.Metrics, shape Shape, resource int, rnd *rand.Rand) {
	rm := md.ResourceMetrics().AppendEmpty()
	service := fmt.Sprintf("service-%02d", resource%20)
	a := rm.Resource().Attributes()
	a.PutStr("service.name", service)
	a.PutStr("service.namespace", "shop")
	a.PutStr("service.instance.id", fmt.Sprintf("%s-%08x-%05d", service, 0x7c9f4d00+resource*7919, resource))
	a.PutStr("host.name", fmt.Sprintf("ip-10-0-%d-17.eu-central-1.compute.internal", resource%250))
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	if shape == Flush {
		fillFlush(metrics, service, rnd)
	} else {
		fillAgent(metrics, resource, rnd)
	}
}

func fillAgent(metrics pmetric.MetricSlice, resource int, rnd *rand.Rand) {
	metrics.EnsureCapacity(gauges + counters)
	for i := range gauges + counters {
		m := metrics.AppendEmpty()
		counter := i >= gauges
		var points pmetric.NumberDataPointSlice
		if counter {
			m.SetName(fmt.Sprintf("app.%s.operations", subjects[i-gauges]))
			sum := m.SetEmptySum()
			sum.SetIsMonotonic(true)
			sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			points = sum.DataPoints()
		} else {
			m.SetName(fmt.Sprintf("app.%s.utilization", subjects[i]))
			points = m.SetEmptyGauge().DataPoints()
		}
		points.EnsureCapacity(methods * routes)
		for j := range methods * routes {
			p := points.AppendEmpty()
			p.SetTimestamp(placeholder)
			if counter {
				p.SetStartTimestamp(started)
				p.SetIntValue(rnd.Int64N(10_000_000))
			} else {
				p.SetDoubleValue(rnd.Float64())
			}
			a := p.Attributes()
			a.EnsureCapacity(5)
			a.PutStr("http.request.method", methodNames[j%methods])
			a.PutStr("http.route", fmt.Sprintf("/api/v1/%s/{id}", subjects[j/methods]))
			a.PutStr("server.address", fmt.Sprintf("10.0.%d.%d", resource/250, resource%250))
			a.PutStr("network.protocol.version", "1.1")
			a.PutStr("deployment.environment.name", "production")
		}
	}
}

func fillFlush(metrics pmetric.MetricSlice, service string, rnd *rand.Rand) {
	calls, durations := metrics.AppendEmpty(), metrics.AppendEmpty()
	calls.SetName("traces.span.metrics.calls")
	sum := calls.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	durations.SetName("traces.span.metrics.duration")
	durations.SetUnit("ms")
	durations.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for i := range operations {
		buckets, count := make([]uint64, len(bounds)+1), uint64(0)
		for j := range buckets {
			buckets[j] = rnd.Uint64N(100_000)
			count += buckets[j]
		}
		h := durations.Histogram().DataPoints().AppendEmpty()
		h.SetTimestamp(placeholder)
		h.SetStartTimestamp(started)
		h.ExplicitBounds().FromRaw(bounds)
		h.BucketCounts().FromRaw(buckets)
		h.SetCount(count)
		h.SetSum(float64(count) * 1000 * rnd.Float64())
		fillOperation(h.Attributes(), service, i)
		c := sum.DataPoints().AppendEmpty()
		c.SetTimestamp(placeholder)
		c.SetStartTimestamp(started)
		c.SetIntValue(int64(count))
		h.Attributes().CopyTo(c.Attributes())
	}
}

func fillOperation(a pcommon.Map, service string, operation int) {
	method := methodNames[operation%methods]
	route := fmt.Sprintf("/api/v1/%s/%d/{id}", subjects[operation%gauges], operation)
	a.PutStr("service.name", service)
	a.PutStr("span.name", method+" "+route)
	a.PutStr("span.kind", "SPAN_KIND_SERVER")
	a.PutStr("status.code", "STATUS_CODE_UNSET")
	a.PutStr("http.request.method", method)
	a.PutStr("http.route", route)
	a.PutInt("http.response.status_code", 200)
}
