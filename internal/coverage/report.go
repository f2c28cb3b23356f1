package coverage

import (
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/flush"
)

// reports are the metrics of a flush; docs/coverage.md says what they count.
type reports struct {
	traces, disconnected, rootless flush.Metric
	spans, orphans, unanswered     flush.Metric
	known, covered, peers, gap     flush.Metric
	full, age                      flush.Metric
}

func newReports(w *flush.Writer) reports {
	return reports{
		traces:       w.Counter("observability.coverage.traces", "{trace}", "Decided traces, by whether coverage looked at them."),
		disconnected: w.Counter("observability.coverage.disconnected_traces", "{trace}", "Traces looked at that have an orphan span."),
		rootless:     w.Counter("observability.coverage.rootless_traces", "{trace}", "Traces looked at in which every span has a parent."),
		spans:        w.Counter("observability.coverage.spans", "{span}", "Spans looked at, by service."),
		orphans:      w.Counter("observability.coverage.orphan_spans", "{span}", "Spans looked at whose parent is not among their trace's spans."),
		unanswered:   w.Counter("observability.coverage.unanswered_calls", "{call}", "Calls looked at that no span of whom they went to answers."),
		known:        w.Gauge("observability.coverage.known", "{item}", "How many there are, as far as telemetry mentions them."),
		covered:      w.Gauge("observability.coverage.covered", "{item}", "How many of the known ones are covered."),
		peers:        w.Gauge("observability.coverage.peers", "{peer}", "Whom unanswered calls go to, by class."),
		full:         w.Gauge("observability.coverage.full", "{table}", "1 where there were more than are told apart since the last flush."),
		age:          w.Gauge("observability.arrival.age", "s", "From the end of a service's spans to their arrival, since the last flush."),
		gap:          w.Gauge("observability.gap.open", "{gap}", "1 for every gap that is open."),
	}
}

// report writes all counters, and how much is covered.
func (c *Coverage) report(r *reports, hasSLO func(string) bool) {
	t := &c.traces
	r.traces.Count(&t.looked.Announced, t.looked.count, "coverage.state", "looked_at")
	r.traces.Count(&t.passedOver, c.share.passed(), "coverage.state", "passed_over")
	r.disconnected.Count(&t.disconnected.Announced, t.disconnected.count)
	r.rootless.Count(&t.rootless.Announced, t.rootless.count)
	serving, withSLO := 0, 0
	for _, s := range c.services.byKey {
		r.service(s)
		if s.serves {
			serving++
			if hasSLO(s.name) {
				withSLO++
			}
		}
	}
	var ofClass [classes]int
	for _, p := range c.peers.byKey {
		r.peer(p)
		ofClass[p.key.class]++
	}
	heard := len(c.services.byKey)
	r.known.Set(float64(heard+c.peers.suspects), "coverage.kind", "services")
	r.covered.Set(float64(heard), "coverage.kind", "services")
	r.known.Set(float64(serving), "coverage.kind", "slos")
	r.covered.Set(float64(withSLO), "coverage.kind", "slos")
	r.full.Set(number(c.servicesBeyond), "coverage.kind", "services")
	r.full.Set(number(c.peers.beyond), "coverage.kind", "peers")
	c.servicesBeyond, c.peers.beyond = false, false
	for class, n := range ofClass {
		r.peers.Set(float64(n), "peer.class", classNames[class])
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func serviceLabels(s *service, more ...string) []string {
	return append(more, "service.name", s.name, "service.namespace", s.namespace)
}

func (r *reports) service(s *service) {
	r.spans.Count(&s.spans.Announced, s.spans.count, serviceLabels(s)...)
	r.arrivalAge(s)
	for i := range s.orphans {
		if o := &s.orphans[i]; o.count > 0 {
			r.orphans.Count(&o.Announced, o.count, serviceLabels(s, "span.parent", parentNames[i])...)
		}
	}
}

// ageStats are the values of the attribute age.stat.
var ageStats = [...]string{"min", "mean", "max"}

// arrivalAge writes how old what came since the last flush was. Where nothing came the series end.
func (r *reports) arrivalAge(s *service) {
	a := s.arrived.take()
	if a.aged == 0 {
		r.endAge(s)
		return
	}
	s.aged = true
	mean := time.Duration(a.age / float64(a.aged))
	for i, age := range [...]time.Duration{time.Duration(a.youngest), mean, time.Duration(a.oldest)} {
		r.age.Set(age.Seconds(), serviceLabels(s, "age.stat", ageStats[i])...)
	}
}

func (r *reports) endAge(s *service) {
	if !s.aged {
		return
	}
	s.aged = false
	for _, stat := range ageStats {
		r.age.End(serviceLabels(s, "age.stat", stat)...)
	}
}

func (r *reports) endService(s *service) {
	r.endAge(s)
	r.spans.End(serviceLabels(s)...)
	for i := range s.orphans {
		if s.orphans[i].Live() {
			r.orphans.End(serviceLabels(s, "span.parent", parentNames[i])...)
		}
	}
}

func peerLabels(p *peer) []string {
	return []string{"peer.class", classNames[p.key.class], "peer.name", p.key.name}
}

func (r *reports) peer(p *peer) {
	r.unanswered.Count(&p.unanswered.Announced, p.unanswered.count, peerLabels(p)...)
}

func (r *reports) endPeer(p *peer) { r.unanswered.End(peerLabels(p)...) }
