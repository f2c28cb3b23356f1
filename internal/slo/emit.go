package slo

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// emitter builds the metrics of one flush.
type emitter struct {
	scope pmetric.ScopeMetrics
	// zero is the time of the last flush, now that of this one.
	zero, now pcommon.Timestamp

	events, objective, excluded, skew, parentUnknown pmetric.NumberDataPointSlice
	// objectives are the services whose objective was written, by SLO.
	objectives map[[2]string]bool
}

func newEmitter(last, now time.Time) *emitter {
	e := &emitter{
		scope: pmetric.NewScopeMetrics(),
		zero:  pcommon.NewTimestampFromTime(last), now: pcommon.NewTimestampFromTime(now),

		objectives: map[[2]string]bool{},
	}
	e.scope.Scope().SetName(ScopeName)
	e.events = e.counter(metricEvents, "{event}", "Requests by the SLO they count for and whether they were good or bad.")
	e.excluded = e.counter(metricExcluded, "{event}", "Requests taken out of an SLO, by reason.")
	e.skew = e.counter(metricSkew, "{event}", "Events whose span ended before it started; their duration counts as 0.")
	e.parentUnknown = e.counter(metricParentUnknown, "{event}",
		"Events taken for requests by their span kind alone: no flags, and the parent was not in the same request.")
	m := e.metric(metricObjective, "1", "Share of events that shall be good.")
	e.objective = m.SetEmptyGauge().DataPoints()
	return e
}

func (e *emitter) metric(name, unit, description string) pmetric.Metric {
	m := e.scope.Metrics().AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	m.SetDescription(description)
	return m
}

func (e *emitter) counter(name, unit, description string) pmetric.NumberDataPointSlice {
	sum := e.metric(name, unit, description).SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return sum.DataPoints()
}

// moveTo appends what was built to md, without the metrics that have no point.
func (e *emitter) moveTo(md pmetric.Metrics, writer string) {
	e.scope.Metrics().RemoveIf(func(m pmetric.Metric) bool {
		return pointsOf(m).Len() == 0
	})
	if e.scope.Metrics().Len() == 0 {
		return
	}
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "otelcol-slo")
	rm.Resource().Attributes().PutStr("service.instance.id", writer)
	e.scope.MoveTo(rm.ScopeMetrics().AppendEmpty())
}

func pointsOf(m pmetric.Metric) pmetric.NumberDataPointSlice {
	if m.Type() == pmetric.MetricTypeGauge {
		return m.Gauge().DataPoints()
	}
	return m.Sum().DataPoints()
}

// point is what all points of one series have in common.
type point struct {
	metric string
	to     pmetric.NumberDataPointSlice
	labels []string // name, value, name, value...; a label without a value is left out
}

func (p point) append(at pcommon.Timestamp) pmetric.NumberDataPoint {
	dp := p.to.AppendEmpty()
	dp.SetTimestamp(at)
	p.putLabels(dp.Attributes())
	return dp
}

func (p point) putLabels(to pcommon.Map) {
	for i := 0; i < len(p.labels); i += 2 {
		if p.labels[i+1] != "" {
			to.PutStr(p.labels[i], p.labels[i+1])
		}
	}
}

// count writes a counter, preceded by a 0 where start is 0: it then was not sent before.
func (e *emitter) count(p point, start uint64, value uint64) {
	if start == 0 {
		dp := p.append(e.zero)
		dp.SetStartTimestamp(e.zero)
		dp.SetIntValue(0)
		start = uint64(e.zero)
	}
	dp := p.append(e.now)
	dp.SetStartTimestamp(pcommon.Timestamp(start))
	dp.SetIntValue(int64(value))
}

func (e *emitter) outcome(s *series, g *group, outcome string) point {
	labels := []string{"slo", s.name, "service", g.service, "outcome", outcome}
	for i, key := range s.groupBy {
		labels = append(labels, key, g.values[i])
	}
	return point{metricEvents, e.events, labels}
}

func (e *emitter) group(s *series, g *group, n count, objective int64) {
	e.count(e.outcome(s, g, "good"), g.start, n.good)
	e.count(e.outcome(s, g, "bad"), g.start, n.bad)
	e.announce(&g.announced)
	if id := [2]string{s.name, g.service}; !e.objectives[id] {
		e.objectives[id] = true
		e.objectiveOf(s, g).append(e.now).SetDoubleValue(float64(objective) / objectiveOne)
	}
}

func (e *emitter) objectiveOf(s *series, g *group) point {
	return point{metricObjective, e.objective, []string{"slo", s.name, "service", g.service}}
}

func (e *emitter) tallies(s *series, sums [tallies]uint64) {
	for t, p := range e.tallyPoints(s) {
		if p.metric != "" {
			e.count(p, s.announced.start, sums[t])
		}
	}
	e.announce(&s.announced)
}

// tallyPoints returns the point of every tally; that of the reason notExcluded is empty.
func (e *emitter) tallyPoints(s *series) (points [tallies]point) {
	for r := notExcluded + 1; r < reasons; r++ {
		points[tallyExcluded+tally(r)] = point{metricExcluded, e.excluded, []string{"slo", s.name, "reason", reasonNames[r]}}
	}
	points[tallySkew] = point{metricSkew, e.skew, []string{"slo", s.name}}
	points[tallyParentUnknown] = point{metricParentUnknown, e.parentUnknown, []string{"slo", s.name}}
	return points
}

func (e *emitter) announce(a *announced) {
	a.live = true
	if a.start == 0 {
		a.start = uint64(e.zero)
	}
}
