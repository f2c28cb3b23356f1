package coverage

import (
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-slo/otelcol-slo/internal/flush"
)

// kind is one kind of gap. Each has a file of its own, and stands in kinds.
type kind struct {
	name     string
	severity plog.SeverityNumber
	// fix is what to do about it.
	fix string
	// find tells what is missing at this moment.
	find func(c *Coverage, s *survey, found func(finding))
}

// kinds are all kinds of gaps.
var kinds = []*kind{&silentPeer, &orphanSpans, &rootlessTraces, &serviceWithoutSLO}

// survey is what Flush was told.
type survey struct {
	now     time.Time
	hasSLO  func(service string) bool
	writer  *flush.Writer
	events  plog.LogRecordSlice
	reports reports
}

// finding is something missing.
type finding struct {
	subject, namespace string // what it is about
	text               string // one sentence, after the subject
	// lacking of all that were looked at, 0 and 0 where nothing is counted.
	lacking, all uint64
	example      example
}

type gapKey struct {
	kind               *kind
	subject, namespace string
}

// gap is a finding over time.
type gap struct {
	finding
	first, last time.Time // of the flushes that found it
	open        bool
}

// gaps are those that are open, or will be if they stay.
type gaps struct {
	byKey map[gapKey]*gap
}

// survey looks for gaps of every kind, and opens and resolves them.
func (c *Coverage) findGaps(s *survey) {
	for _, k := range kinds {
		k.find(c, s, func(f finding) {
			key := gapKey{k, f.subject, f.namespace}
			g := c.gaps.byKey[key]
			if g == nil {
				g = &gap{first: s.now}
				c.gaps.byKey[key] = g
			}
			g.finding, g.last = f, s.now
		})
	}
	for key, g := range c.gaps.byKey {
		switch {
		case !g.open && !g.last.Equal(s.now): // it went before it was one
			delete(c.gaps.byKey, key)
		case !g.open && s.now.Sub(g.first) >= c.cfg.OpenAfter:
			g.open = true
			s.event("observability.gap.opened", key.kind.severity, key.kind, g)
		case g.open && s.now.Sub(g.last) >= c.cfg.ResolveAfter && !g.last.Equal(s.now):
			delete(c.gaps.byKey, key)
			s.reports.gap.End(gapLabels(key)...)
			s.event("observability.gap.resolved", plog.SeverityNumberInfo, key.kind, g)
			continue
		}
		if g.open {
			s.reports.gap.Set(1, gapLabels(key)...)
		}
	}
}

func gapLabels(key gapKey) []string {
	return []string{"gap.kind", key.kind.name, "gap.subject", key.subject, "service.namespace", key.namespace}
}
