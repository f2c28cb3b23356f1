package translate

import (
	"github.com/prometheus/common/model"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// Translate fills the buffer with a payload and makes all series at once. They hold strings of the payload, and are valid
// until the buffer is used again.
func (t *Translator) Translate(md pmetric.Metrics, b *Buffer) {
	t.Fill(md, b)
	b.makeSeries()
}

// Share says which part of a payload is translated. The zero Share is all of it.
type Share struct {
	// Resources are the places of its resources in the payload; nil: all.
	Resources []int
	// Name tells shares apart that may have the same series.
	Name string
}

// Fill fills the buffer with a payload, whose series it hands out one at a time. It doesn't change the payload.
func (t *Translator) Fill(md pmetric.Metrics, b *Buffer) { t.FillShare(md, b, Share{}, nil) }

// FillShare fills the buffer with a share of a payload as Fill does. Delta points are made cumulative by an accumulator, within
// its [Accumulator.Run]; nil: they are left out.
func (t *Translator) FillShare(md pmetric.Metrics, b *Buffer, share Share, a *Accumulator) {
	b.Reset()
	b.accumulator, b.share = a, share
	if share.Resources == nil {
		t.grow(b, md)
		for _, rm := range md.ResourceMetrics().All() {
			t.resourceMetrics(b, rm)
		}
	}
	for _, i := range share.Resources {
		t.resourceMetrics(b, md.ResourceMetrics().At(i))
	}
	t.accumulate(b)
	b.accumulator, b.share = nil, Share{}
	b.order()
}

func (t *Translator) resourceMetrics(b *Buffer, rm pmetric.ResourceMetrics) {
	t.enterResource(b, rm.Resource())
	for _, sm := range rm.ScopeMetrics().All() {
		labelled := t.enterScope(b, sm.Scope())
		for _, m := range sm.Metrics().All() {
			b.Points += dataPoints(m)
			if labelled {
				t.metric(b, m)
			} else {
				b.Dropped[InvalidLabel] += dataPoints(m)
			}
		}
	}
	t.addTargetInfo(b, rm.Resource())
}

func (t *Translator) metric(b *Buffer, m pmetric.Metric) {
	delta := false
	switch temporality(m) {
	case pmetric.AggregationTemporalityDelta:
		if b.accumulator == nil {
			b.Dropped[DeltaTemporality] += dataPoints(m)
			return
		}
		delta = true
	case pmetric.AggregationTemporalityUnspecified:
		b.Dropped[UnspecifiedTemporality] += dataPoints(m)
		return
	}
	name := t.metricName(b, m)
	if !name.ok {
		b.Dropped[InvalidName] += dataPoints(m)
		return
	}
	f := b.enterFamily(name, remotewrite.Metadata{Type: metadataType(m), Help: valid(m.Description()), Unit: name.unit})
	if delta {
		t.collectDeltas(b, f, m)
		return
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		t.numbers(b, f, m.Gauge().DataPoints(), false)
	case pmetric.MetricTypeSum:
		t.numbers(b, f, m.Sum().DataPoints(), m.Sum().IsMonotonic())
	case pmetric.MetricTypeHistogram:
		t.histograms(b, f, m.Histogram().DataPoints())
	case pmetric.MetricTypeExponentialHistogram:
		t.natives(b, f, m.ExponentialHistogram().DataPoints())
	case pmetric.MetricTypeSummary:
		t.summaries(b, f, m.Summary().DataPoints())
	}
}

// anyPoint is what all kinds of data point have.
type anyPoint interface {
	Attributes() pcommon.Map
	StartTimestamp() pcommon.Timestamp
	Timestamp() pcommon.Timestamp
	Flags() pmetric.DataPointFlags
}

// enterPoint begins a data point: its labels are in b.base then. It reports false, with the point counted, where the
// point has no time or cannot be labelled.
func enterPoint[P anyPoint](t *Translator, b *Buffer, f *family, in P) (point, bool) {
	p := point{
		timestamp: milliseconds(in.Timestamp()),
		start:     milliseconds(in.StartTimestamp() + startSlack),
		stale:     in.Flags().NoRecordedValue(),
	}
	if p.timestamp <= 0 {
		b.Dropped[NoTimestamp]++
		return p, false
	}
	if p.stale || milliseconds(in.StartTimestamp()) > p.timestamp {
		p.start = 0
	}
	p.start = min(p.start, p.timestamp)
	if !t.pointLabels(b, in.Attributes()) {
		b.Dropped[InvalidLabel]++
		return p, false
	}
	p.key = b.seriesKey(f.name)
	return p, true
}

// startSlack is added to start times: the prometheus receiver has them from seconds in a float64, which fall up to 120 ns short
// of the millisecond that the target said.
const startSlack pcommon.Timestamp = 500

func milliseconds(ts pcommon.Timestamp) int64 { return int64(ts / 1e6) }

// temporality returns that of a metric; gauges and summaries count as cumulative.
func temporality(m pmetric.Metric) pmetric.AggregationTemporality {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		return m.Sum().AggregationTemporality()
	case pmetric.MetricTypeHistogram:
		return m.Histogram().AggregationTemporality()
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().AggregationTemporality()
	default:
		return pmetric.AggregationTemporalityCumulative
	}
}

// DataPoints returns how many data points a resource has.
func DataPoints(rm pmetric.ResourceMetrics) (n int) {
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			n += dataPoints(m)
		}
	}
	return n
}

func dataPoints(m pmetric.Metric) int {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints().Len()
	case pmetric.MetricTypeHistogram:
		return m.Histogram().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().DataPoints().Len()
	case pmetric.MetricTypeSummary:
		return m.Summary().DataPoints().Len()
	default:
		return 0
	}
}

// nameType is the type by which a metric's name gets its suffix.
func nameType(m pmetric.Metric) otlptranslator.MetricType {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return otlptranslator.MetricTypeGauge
	case pmetric.MetricTypeSum:
		if m.Sum().IsMonotonic() {
			return otlptranslator.MetricTypeMonotonicCounter
		}
		return otlptranslator.MetricTypeNonMonotonicCounter
	case pmetric.MetricTypeHistogram:
		return otlptranslator.MetricTypeHistogram
	case pmetric.MetricTypeExponentialHistogram:
		return otlptranslator.MetricTypeExponentialHistogram
	case pmetric.MetricTypeSummary:
		return otlptranslator.MetricTypeSummary
	default:
		return otlptranslator.MetricTypeUnknown
	}
}

// metadataType is the Prometheus type of a metric. A metric that came from Prometheus may say in its metadata that it
// was of a type OTLP doesn't have.
func metadataType(m pmetric.Metric) model.MetricType {
	original := model.MetricType("")
	if v, ok := m.Metadata().Get("prometheus.type"); ok {
		original = model.MetricType(v.Str())
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		if original == model.MetricTypeUnknown {
			return model.MetricTypeUnknown
		}
		return model.MetricTypeGauge
	case pmetric.MetricTypeSum:
		switch {
		case m.Sum().IsMonotonic():
			return model.MetricTypeCounter
		case original == model.MetricTypeInfo || original == model.MetricTypeStateset:
			return original
		default:
			return model.MetricTypeGauge
		}
	case pmetric.MetricTypeHistogram, pmetric.MetricTypeExponentialHistogram:
		return model.MetricTypeHistogram
	case pmetric.MetricTypeSummary:
		return model.MetricTypeSummary
	default:
		return model.MetricTypeUnknown
	}
}
