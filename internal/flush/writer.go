package flush

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Writer builds one flush of one instrumentation scope.
type Writer struct {
	scope pmetric.ScopeMetrics
	// zero is the time of the last flush, now that of this one.
	zero, now pcommon.Timestamp
	ended     []ended
}

// Metric is a metric of a Writer.
type Metric struct {
	writer *Writer
	name   string
	points pmetric.NumberDataPointSlice
}

// Announced is what is remembered of a counter from flush to flush. The zero Announced was not sent yet.
type Announced struct {
	start pcommon.Timestamp
	live  bool
}

// Live reports whether the series was sent, and has not ended.
func (a *Announced) Live() bool { return a.live }

// NewWriter returns a writer of a scope, between the last flush and now. The scope has no version: in Prometheus a version
// would be a label, and an upgrade would start every series anew.
func NewWriter(scope string, last, now time.Time) *Writer {
	w := &Writer{
		scope: pmetric.NewScopeMetrics(),
		zero:  pcommon.NewTimestampFromTime(last), now: pcommon.NewTimestampFromTime(now),
	}
	w.scope.Scope().SetName(scope)
	return w
}

// Counter adds a cumulative monotonic sum.
func (w *Writer) Counter(name, unit, description string) Metric {
	sum := w.metric(name, unit, description).SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return Metric{w, name, sum.DataPoints()}
}

// Gauge adds a gauge.
func (w *Writer) Gauge(name, unit, description string) Metric {
	return Metric{w, name, w.metric(name, unit, description).SetEmptyGauge().DataPoints()}
}

func (w *Writer) metric(name, unit, description string) pmetric.Metric {
	m := w.scope.Metrics().AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	m.SetDescription(description)
	return m
}

// Count writes a counter. Labels are names and values in turn; one without a value is left out.
func (m Metric) Count(a *Announced, value uint64, labels ...string) {
	if a.start == 0 {
		a.start = m.writer.zero
		dp := m.append(a.start, labels)
		dp.SetStartTimestamp(a.start)
		dp.SetIntValue(0)
	}
	a.live = true
	dp := m.append(m.writer.now, labels)
	dp.SetStartTimestamp(a.start)
	dp.SetIntValue(int64(value))
}

// Set writes a gauge.
func (m Metric) Set(value float64, labels ...string) {
	m.append(m.writer.now, labels).SetDoubleValue(value)
}

func (m Metric) append(at pcommon.Timestamp, labels []string) pmetric.NumberDataPoint {
	dp := m.points.AppendEmpty()
	dp.SetTimestamp(at)
	putLabels(dp.Attributes(), labels)
	return dp
}

func putLabels(to pcommon.Map, labels []string) {
	for i := 0; i < len(labels); i += 2 {
		if labels[i+1] != "" {
			to.PutStr(labels[i], labels[i+1])
		}
	}
}

// MoveTo appends what was built to md, as one resource of the writer's id and without the metrics that have no point. The
// Writer is not used any more.
func (w *Writer) MoveTo(md pmetric.Metrics, writerID string) {
	w.writeEnds()
	w.scope.Metrics().RemoveIf(func(m pmetric.Metric) bool { return PointsOf(m).Len() == 0 })
	if w.scope.Metrics().Len() == 0 {
		return
	}
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "otelcol-slo")
	rm.Resource().Attributes().PutStr("service.instance.id", writerID)
	w.scope.MoveTo(rm.ScopeMetrics().AppendEmpty())
}

// PointsOf returns the points of a counter or gauge, none of any other metric.
func PointsOf(m pmetric.Metric) pmetric.NumberDataPointSlice {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints()
	}
	return pmetric.NewNumberDataPointSlice()
}
