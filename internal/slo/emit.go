package slo

import (
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/flush"
)

// emitter builds the metrics of one flush.
type emitter struct {
	*flush.Writer
	events, objective, excluded, skew, parentUnknown flush.Metric
	// objectives are the services whose objective was written, by SLO.
	objectives map[[2]string]bool
}

func newEmitter(last, now time.Time) *emitter {
	w := flush.NewWriter(ScopeName, last, now)
	return &emitter{
		Writer:   w,
		events:   w.Counter(metricEvents, "{event}", "Requests by the SLO they count for and whether they were good or bad."),
		excluded: w.Counter(metricExcluded, "{event}", "Requests taken out of an SLO, by reason."),
		skew:     w.Counter(metricSkew, "{event}", "Events whose span ended before it started; their duration counts as 0."),
		parentUnknown: w.Counter(metricParentUnknown, "{event}",
			"Events taken for requests by their span kind alone: no flags, and the parent was not in the same request."),
		objective:  w.Gauge(metricObjective, "1", "Share of events that shall be good."),
		objectives: map[[2]string]bool{},
	}
}

// group writes the counters of a group, and the objective that its service has.
func (e *emitter) group(s *series, g *group, n count, objective int64) {
	e.events.Count(&g.good, n.good, outcome(s, g, "good")...)
	e.events.Count(&g.bad, n.bad, outcome(s, g, "bad")...)
	if id := [2]string{s.name, g.service}; !e.objectives[id] {
		e.objectives[id] = true
		e.objective.Set(float64(objective)/objectiveOne, objectiveLabels(s, g)...)
	}
}

func (e *emitter) endGroup(s *series, g *group) {
	e.events.EndCount(&g.good, outcome(s, g, "good")...)
	e.events.EndCount(&g.bad, outcome(s, g, "bad")...)
	e.objective.End(objectiveLabels(s, g)...)
}

func outcome(s *series, g *group, outcome string) []string {
	labels := []string{"slo", s.name, "service", g.service, "outcome", outcome}
	for i, key := range s.groupBy {
		labels = append(labels, key, g.values[i])
	}
	return labels
}

func objectiveLabels(s *series, g *group) []string {
	return []string{"slo", s.name, "service", g.service}
}

// tallies writes what is counted by SLO.
func (e *emitter) tallies(s *series, sums [tallies]uint64) {
	for t := range sums {
		if metric, labels := e.tally(s, tally(t)); labels != nil {
			metric.Count(&s.announced[t], sums[t], labels...)
		}
	}
}

func (e *emitter) endTallies(s *series) {
	for t := range s.announced {
		if metric, labels := e.tally(s, tally(t)); labels != nil {
			metric.EndCount(&s.announced[t], labels...)
		}
	}
}

// tally returns the series of a tally; that of the reason notExcluded has none.
func (e *emitter) tally(s *series, t tally) (flush.Metric, []string) {
	switch {
	case t == tallySkew:
		return e.skew, []string{"slo", s.name}
	case t == tallyParentUnknown:
		return e.parentUnknown, []string{"slo", s.name}
	case t == tallyExcluded+tally(notExcluded):
		return flush.Metric{}, nil
	}
	return e.excluded, []string{"slo", s.name, "reason", reasonNames[t-tallyExcluded]}
}
