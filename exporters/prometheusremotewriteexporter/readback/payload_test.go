//go:build integration

package readback

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// payload is what a producer sends of some steps in one piece.
func (t *traffic) payload(producer int, steps ...int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for _, step := range steps {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("service.namespace", "shop")
		rm.Resource().Attributes().PutStr("service.name", "readback")
		rm.Resource().Attributes().PutStr("service.instance.id", fmt.Sprint("p", producer))
		rm.Resource().Attributes().PutStr("region", "eu")
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName("lib")
		metrics := map[kind]pmetric.Metric{}
		for _, s := range t.sources(producer) {
			if s.state(step) == absent {
				continue
			}
			m, ok := metrics[s.kind]
			if !ok {
				m = newMetric(sm.Metrics().AppendEmpty(), s.kind)
				metrics[s.kind] = m
			}
			s.put(m, step)
		}
	}
	return md
}

// newMetric names what all sources of a kind are points of.
func newMetric(m pmetric.Metric, k kind) pmetric.Metric {
	m.SetDescription("made to be read back")
	switch k {
	case counter:
		m.SetName("rb.requests")
		m.SetEmptySum().SetIsMonotonic(true)
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	case gauge:
		m.SetName("rb.level")
		m.SetEmptyGauge()
	case classic:
		m.SetName("rb.latency")
		m.SetUnit("ms")
		m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	case native:
		m.SetName("rb.size")
		m.SetUnit("By")
		m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	case summary:
		m.SetName("rb.wait")
		m.SetUnit("s")
		m.SetEmptySummary()
	}
	return m
}

// point is what all kinds of data point have.
type point interface {
	Attributes() pcommon.Map
	SetStartTimestamp(pcommon.Timestamp)
	SetTimestamp(pcommon.Timestamp)
	SetFlags(pmetric.DataPointFlags)
}

// put adds a source's point to its metric.
func (s source) put(m pmetric.Metric, step int) {
	live := s.state(step) == recorded
	switch s.kind {
	case counter, gauge:
		points := m.Gauge().DataPoints
		if s.kind == counter {
			points = m.Sum().DataPoints
		}
		p := points().AppendEmpty()
		s.begin(p, step)
		if live {
			s.putNumber(p, step)
		}
	case classic:
		p := m.Histogram().DataPoints().AppendEmpty()
		s.begin(p, step)
		p.ExplicitBounds().FromRaw(s.bounds())
		if live {
			s.putClassic(p, step)
		}
	case native:
		p := m.ExponentialHistogram().DataPoints().AppendEmpty()
		s.begin(p, step)
		p.SetScale(int32(s.scale(step)))
		if live {
			s.putNative(p, step)
		}
	case summary:
		p := m.Summary().DataPoints().AppendEmpty()
		s.begin(p, step)
		for i, q := range quantiles {
			value := p.QuantileValues().AppendEmpty()
			value.SetQuantile(q)
			value.SetValue(s.quantile(step, i))
		}
		if sum, ok := s.sum(step); ok && live {
			p.SetSum(sum)
			p.SetCount(s.rounds(step))
		}
	}
}

func (s source) begin(p point, step int) {
	p.Attributes().PutInt("i", int64(s.index))
	p.Attributes().PutStr("http.route", s.route())
	p.SetTimestamp(nanos(s.millis(step)))
	if s.kind != gauge {
		began := source{s.traffic, counter, s.producer, s.index}.millis(s.began(step))
		p.SetStartTimestamp(nanos(began - 1000))
	}
	p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(s.state(step) == stale))
}

// nanos is a time in OTLP: finer than Prometheus keeps it.
func nanos(millis int64) pcommon.Timestamp { return pcommon.Timestamp(millis*1e6 + 999_999) }

func (s source) putNumber(p pmetric.NumberDataPoint, step int) {
	if n, ok := s.integer(step); ok {
		p.SetIntValue(n)
	} else {
		p.SetDoubleValue(s.double(step))
	}
	s.putExamples(p.Exemplars(), step)
}

func (s source) putClassic(p pmetric.HistogramDataPoint, step int) {
	p.BucketCounts().FromRaw(s.buckets(step))
	count := uint64(0)
	for _, n := range s.buckets(step) {
		count += n
	}
	p.SetCount(count)
	if sum, ok := s.sum(step); ok {
		p.SetSum(sum)
	}
	s.putExamples(p.Exemplars(), step)
}

func (s source) putNative(p pmetric.ExponentialHistogramDataPoint, step int) {
	width, count := s.zero(step)
	p.SetZeroThreshold(width)
	p.SetZeroCount(count)
	for side, buckets := range []pmetric.ExponentialHistogramDataPointBuckets{p.Positive(), p.Negative()} {
		first, counts := s.fine(step, side)
		shift := s.finest() - s.scale(step)
		dense := make([]uint64, (first+fineBuckets-1)>>shift-first>>shift+1)
		for i, n := range counts {
			dense[(first+i)>>shift-first>>shift] += n
			count += n
		}
		buckets.SetOffset(int32(first >> shift))
		buckets.BucketCounts().FromRaw(dense)
	}
	p.SetCount(count)
	if sum, ok := s.sum(step); ok {
		p.SetSum(sum)
	}
	s.putExamples(p.Exemplars(), step)
}

// putExamples puts the newest first: nothing in OTLP says otherwise.
func (s source) putExamples(to pmetric.ExemplarSlice, step int) {
	all := s.examples(step)
	for i := range all {
		x, e := all[len(all)-1-i], to.AppendEmpty()
		e.SetTimestamp(nanos(x.millis))
		e.SetDoubleValue(x.value)
		e.SetTraceID(x.trace)
		e.SetSpanID(x.span)
		for k, v := range x.attributes {
			e.FilteredAttributes().PutStr(k, v)
		}
	}
}
