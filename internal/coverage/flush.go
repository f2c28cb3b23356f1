package coverage

import (
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/flush"
)

// ScopeName is the instrumentation scope of metrics and events.
const ScopeName = "github.com/otelcol-slo/otelcol-slo/internal/coverage"

// tallied is a counter.
type tallied struct {
	count uint64
	flush.Announced
}

// windowPart is how long shares are counted until the part before is forgotten.
const windowPart = 5 * time.Minute

// Flush appends the counters and the gaps that are open to md, and to ld an event for each gap that opened or is over.
// hasSLO tells whether some SLO is about a service. Nothing is written within a
// millisecond of the last Flush.
func (c *Coverage) Flush(now time.Time, hasSLO func(service string) bool, md pmetric.Metrics, ld plog.Logs) {
	if !c.cfg.Enabled {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.lastFlush) <= time.Millisecond {
		return
	}
	c.now = now
	// The millisecond keeps a series that begins anew apart from the end that it may have had at the last flush.
	w := flush.NewWriter(ScopeName, c.lastFlush.Add(time.Millisecond), now)
	c.lastFlush = now
	s := &survey{now: now, hasSLO: hasSLO, writer: w, events: plog.NewLogRecordSlice(), reports: newReports(w)}
	c.hear()
	c.forget(&s.reports)
	c.countSuspects()
	c.report(&s.reports, hasSLO)
	c.findGaps(s)
	c.turnWindows()
	w.MoveTo(md, c.options.WriterID)
	c.moveEvents(s.events, ld)
}

// hear notes who was heard from since the last flush.
func (c *Coverage) hear() {
	flush := c.flushes.Load()
	c.flushes.Store(flush + 1)
	for _, s := range c.services.byKey {
		if s.heard.Load() >= flush {
			s.last = c.now
		}
	}
}

func (c *Coverage) countSuspects() {
	c.peers.suspects = 0
	for _, p := range c.peers.byKey {
		if c.services.isSilent(p) {
			c.peers.suspects++
		}
	}
}

// forget lets go of services and peers of which nothing was heard for long.
func (c *Coverage) forget(r *reports) {
	forgot := false
	for key, s := range c.services.byKey {
		if c.now.Sub(s.last) >= c.cfg.ForgetAfter {
			r.endService(s)
			c.services.forget(key)
			forgot = true
		}
	}
	if forgot {
		c.generation.Add(1)
	}
	for key, p := range c.peers.byKey {
		if c.now.Sub(p.last) >= c.cfg.ForgetAfter {
			r.endPeer(p)
			c.peers.forget(key)
		}
	}
}

func (c *Coverage) turnWindows() {
	if c.now.Sub(c.lastWindow) < windowPart {
		return
	}
	c.lastWindow = c.now
	c.traces.window.turn()
	for _, s := range c.services.byKey {
		s.window.turn()
	}
}
