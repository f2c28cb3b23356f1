package slo

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// ScopeName is the instrumentation scope of the metrics.
const ScopeName = "github.com/otelcol-slo/otelcol-slo/internal/slo"

// Names of the metrics; docs/slis.md says what they count.
const (
	metricEvents        = "slo.events"
	metricExcluded      = "slo.events.excluded"
	metricSkew          = "slo.events.clock_skew"
	metricParentUnknown = "slo.events.parent_unknown"
	metricObjective     = "slo.objective.ratio"
)

// Flush appends the counters to md, as one resource; nothing where no SLO is declared, and nothing where now is not later
// than at the last Flush (than Options.Start at the first).
//
// A series that was not sent before is preceded by a 0 at the time of the last Flush (of Options.Start at the first),
// which is its start timestamp from then on. Series that a reload took out get a point without a value, once.
func (c *Counter) Flush(now time.Time, md pmetric.Metrics) {
	l := c.ledger
	l.flushing.Lock()
	defer l.flushing.Unlock()
	if !now.After(l.lastFlush) {
		return
	}
	e := newEmitter(l.lastFlush, now)
	l.lastFlush = now
	wanted := make(map[*series]*slo, len(c.slos))
	for _, s := range c.slos {
		wanted[s.series] = s
	}
	for _, s := range l.snapshot() {
		counts, tallies := l.sum(s)
		o := wanted[s]
		switch {
		case o != nil:
			e.tallies(s, tallies)
		case s.announced[tallySkew].Live():
			e.endTallies(s)
		}
		for i, g := range s.snapshot()[:len(counts)] {
			switch {
			case o.wants(g):
				e.group(s, g, counts[i], o.verdictOn(g.service).objective)
			case g.good.Live():
				e.endGroup(s, g)
			}
		}
	}
	e.MoveTo(md, l.options.WriterID)
}

// wants reports whether the SLO's declaration still covers a group.
func (s *slo) wants(g *group) bool {
	return s != nil && (s.service == anyService || s.service == g.service)
}

// sum adds the lanes up: the counts of the groups that exist, and the tallies.
func (l *ledger) sum(s *series) ([]count, [tallies]uint64) {
	counts := make([]count, len(s.snapshot()))
	var sums [tallies]uint64
	for _, ln := range l.lanes {
		ln.mu.Lock()
		for i, n := range ln.counts[s.id] {
			if i < len(counts) { // a group newer than the snapshot comes with the next flush
				counts[i].good += n.good
				counts[i].bad += n.bad
			}
		}
		for i, n := range ln.tallies[s.id] {
			sums[i] += n
		}
		ln.mu.Unlock()
	}
	return counts, sums
}
