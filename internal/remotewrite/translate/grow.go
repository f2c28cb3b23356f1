package translate

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// room is what a payload takes of a buffer at most, unless a label is made of several.
type room struct {
	families, points, samples, labels, exemplars int
}

// grow makes room for a payload at once. Memory that grows piece by piece is taken several times over, and memory that is
// kept until the next payload is looked through by every garbage collection till then: both cost more than the counting.
func (t *Translator) grow(b *Buffer, md pmetric.Metrics) {
	var r room
	for _, rm := range md.ResourceMetrics().All() {
		resource := rm.Resource().Attributes().Len()
		common := len(t.external) + 2 // job and instance
		if !t.settings.ConstantLabels.empty() {
			common += resource
		}
		for _, sm := range rm.ScopeMetrics().All() {
			scope := common
			if t.settings.ScopeInfo {
				scope += 2 + sm.Scope().Attributes().Len()
			}
			for _, m := range sm.Metrics().All() {
				t.room(&r, m, scope)
			}
		}
		r.families++ // target_info
		r.point(1, common+resource, 0)
	}
	b.families = slices.Grow(b.families, r.families)
	b.placed = slices.Grow(b.placed, r.points)
	b.samples = slices.Grow(b.samples, r.samples)
	b.arena = slices.Grow(b.arena, r.labels)
	b.exemplars = slices.Grow(b.exemplars, r.exemplars)
}

// room adds the points of a metric that have some labels in common with others.
func (t *Translator) room(r *room, m pmetric.Metric, common int) {
	r.families++
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		r.numbers(m.Gauge().DataPoints(), common)
	case pmetric.MetricTypeSum:
		r.numbers(m.Sum().DataPoints(), common)
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			samples, exemplars := p.ExplicitBounds().Len()+3, p.Exemplars().Len()
			switch {
			case t.settings.CustomBuckets && t.settings.KeepClassic:
				samples++
				r.exemplars += exemplars
			case t.settings.CustomBuckets:
				samples = 1
			}
			r.point(samples, common+p.Attributes().Len(), exemplars)
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			r.point(1, common+p.Attributes().Len(), p.Exemplars().Len())
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			r.point(p.QuantileValues().Len()+2, common+p.Attributes().Len(), 0)
		}
	}
}

func (r *room) numbers(points pmetric.NumberDataPointSlice, common int) {
	for _, p := range points.All() {
		r.point(1, common+p.Attributes().Len(), p.Exemplars().Len())
	}
}

// point adds a point that becomes some samples. An exemplar has two ids.
func (r *room) point(samples, labels, exemplars int) {
	r.points++
	r.samples += samples
	r.labels += labels + 2*exemplars
	r.exemplars += exemplars
}
