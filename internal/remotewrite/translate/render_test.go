package translate

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/prometheus/otlptranslator"
	"github.com/prometheus/prometheus/model/value"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

func defaults() Settings {
	return Settings{Strategy: otlptranslator.UnderscoreEscapingWithSuffixes, TargetInfo: true, ScopeInfo: true}
}

// translated translates with the settings and returns one line a series, and what was left out.
func translated(t testing.TB, s Settings, md pmetric.Metrics) ([]string, Dropped) {
	t.Helper()
	translator, err := New(s)
	require.NoError(t, err)
	var b Buffer
	translator.Translate(md, &b)
	lines := make([]string, len(b.Series))
	for i := range b.Series {
		lines[i] = render(&b.Series[i])
	}
	return lines, b.Dropped
}

// render writes a series as: name{labels} value @time from=start # {exemplar labels} value @time.
func render(s *remotewrite.Series) string {
	var name string
	var labels []string
	for _, l := range s.Labels {
		if l.Name == "__name__" {
			name = l.Value
			continue
		}
		labels = append(labels, fmt.Sprintf("%s=%q", l.Name, l.Value))
	}
	out := fmt.Sprintf("%s{%s} %s @%d", name, strings.Join(labels, ","), renderValue(s), s.Timestamp)
	if s.Start != 0 {
		out += fmt.Sprintf(" from=%d", s.Start)
	}
	for _, e := range s.Exemplars {
		labels = labels[:0]
		for _, l := range e.Labels {
			labels = append(labels, fmt.Sprintf("%s=%q", l.Name, l.Value))
		}
		out += fmt.Sprintf(" # {%s} %v @%d", strings.Join(labels, ","), e.Value, e.Timestamp)
	}
	return out
}

func renderValue(s *remotewrite.Series) string {
	if s.Histogram == nil {
		if value.IsStaleNaN(s.Value) {
			return "stale"
		}
		return fmt.Sprint(s.Value)
	}
	h := s.Histogram
	if value.IsStaleNaN(h.Sum) {
		return fmt.Sprintf("stale(schema %d, %d buckets)", h.Schema, len(h.PositiveBuckets)+len(h.NegativeBuckets))
	}
	return fmt.Sprintf("schema=%d zero=%d/%g %s", h.Schema, h.ZeroCount, h.ZeroThreshold, h.String())
}

// ms is a time in the milliseconds that render writes.
func ms(n int64) pcommon.Timestamp { return pcommon.Timestamp(n * 1e6) }

// payload returns metrics of one resource {service.name: shop} without a scope, with one metric that fill describes.
func payload(fill func(pmetric.Metric)) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "shop")
	fill(rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty())
	return md
}

func fillCounter(m pmetric.Metric, name, unit string) pmetric.NumberDataPointSlice {
	m.SetName(name)
	m.SetUnit(unit)
	m.SetEmptySum().SetIsMonotonic(true)
	m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return m.Sum().DataPoints()
}

func fillHistogram(m pmetric.Metric, name, unit string) pmetric.HistogramDataPoint {
	m.SetName(name)
	m.SetUnit(unit)
	m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := m.Histogram().DataPoints().AppendEmpty()
	p.SetTimestamp(ms(2000))
	p.SetStartTimestamp(ms(1000))
	p.ExplicitBounds().FromRaw([]float64{5, 10.5})
	p.BucketCounts().FromRaw([]uint64{1, 2, 3})
	p.SetCount(6)
	p.SetSum(60)
	return p
}

func fillNative(m pmetric.Metric, name string) pmetric.ExponentialHistogramDataPoint {
	m.SetName(name)
	m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := m.ExponentialHistogram().DataPoints().AppendEmpty()
	p.SetTimestamp(ms(2000))
	p.SetStartTimestamp(ms(1000))
	p.Positive().SetOffset(0)
	p.Positive().BucketCounts().FromRaw([]uint64{1, 2, 0, 3})
	p.SetZeroCount(1)
	p.SetCount(7)
	p.SetSum(20)
	return p
}

func addExemplar(to pmetric.ExemplarSlice, v float64, at pcommon.Timestamp, trace byte) pmetric.Exemplar {
	e := to.AppendEmpty()
	e.SetDoubleValue(v)
	e.SetTimestamp(at)
	if trace != 0 {
		e.SetTraceID(pcommon.TraceID{15: trace})
		e.SetSpanID(pcommon.SpanID{7: trace})
	}
	return e
}

var noRecordedValue = pmetric.DefaultDataPointFlags.WithNoRecordedValue(true)

var inf = math.Inf(1)
