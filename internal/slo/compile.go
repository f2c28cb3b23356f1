package slo

import (
	"sync/atomic"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// Counter counts the events of one compiled configuration.
type Counter struct {
	ledger *ledger
	slos   []*slo
	slots  slots
	// exact holds the SLOs of one service, by service; all those of every service.
	exact map[string][]*slo
	all   []*slo
	// walkers are the counter's own scratch of every lane, protected by the lane's lock.
	walkers []walker
	planned atomic.Int64 // bytes of the walkers' plans, about
}

// IsAbout reports whether some SLO is declared for a service.
func (c *Counter) IsAbout(service string) bool { return len(c.all) > 0 || len(c.exact[service]) > 0 }

// Bytes returns about how much memory the counts take, with everything that finds them.
func (c *Counter) Bytes() int64 { return c.ledger.bytes.Load() + c.planned.Load() }

// slots are the attributes that are read by meaning; empty where no SLO needs them.
type slots struct {
	service spanview.ResourceSlot
	http    []spanview.SpanSlot
	grpc    []spanview.SpanSlot
	routes  []spanview.SpanSlot
	agents  []spanview.SpanSlot
}

// slo is a definition bound to slots and counters.
type slo struct {
	*definition
	series *series
	groups []groupSource
	// varies: a resource condition or group decides beside the service.
	varies bool
}

// groupSource is where a group's value is: in the span or, where the span has none, in its resource.
type groupSource struct {
	span     []spanview.SpanSlot
	resource []spanview.ResourceSlot
}

// Compile makes a counter of a configuration that has been through [Source.Load], and asks the schema for the attributes it needs.
//
// For a reload, schema is a clone of the schema before SLOs asked anything of it, and prev the counter in use: o is then
// prev's own and ignored. Counts are kept by SLO name, group_by and labels: what the new configuration still declares
// goes on from where it was, whatever else of it changed. Both counters may be used at once; only the newest is flushed.
//
// It fails on an invalid configuration and when the schema is full; prev is then as it was, and the schema is to be
// thrown away.
func Compile(cfg Config, o Options, schema *spanview.Schema, prev *Counter) (*Counter, error) {
	defs, err := cfg.parse()
	if err != nil {
		return nil, err
	}
	c := &Counter{exact: map[string][]*slo{}}
	if len(defs) > 0 {
		if err := c.bind(schema, defs); err != nil {
			return nil, err
		}
	}
	if prev != nil {
		c.ledger = prev.ledger
	} else {
		c.ledger = newLedger(o)
	}
	all, err := c.ledger.enter(defs)
	if err != nil {
		return nil, err
	}
	for i, s := range c.slos {
		s.series = all[i]
		s.declare()
	}
	c.walkers = make([]walker, len(c.ledger.lanes))
	for i := range c.walkers {
		c.walkers[i] = walker{counter: c, plans: map[string]*plan{}}
	}
	return c, nil
}

// bind gives every definition its slots and sorts them by service.
func (c *Counter) bind(schema *spanview.Schema, defs []*definition) error {
	for _, d := range defs {
		s := &slo{definition: d}
		if err := s.bind(schema); err != nil {
			return err
		}
		c.slos = append(c.slos, s)
		if d.service == anyService {
			c.all = append(c.all, s)
		} else {
			c.exact[d.service] = append(c.exact[d.service], s)
		}
	}
	return c.slots.bind(schema, defs)
}

func (s *slots) bind(schema *spanview.Schema, defs []*definition) (err error) {
	var codes, probes bool
	for _, d := range defs {
		codes = codes || d.judge.errors != nil
		for _, o := range d.overrides {
			codes = codes || o.judge.errors != nil
		}
		probes = probes || d.probes
	}
	if s.service, err = schema.ResourceSlot("service.name"); err != nil {
		return err
	}
	want := func(wanted bool, names []string) (slots []spanview.SpanSlot) {
		if wanted && err == nil {
			slots, err = spanSlots(schema, names)
		}
		return slots
	}
	s.http = want(codes, httpCodeNames)
	s.grpc = want(codes, grpcCodeNames)
	s.routes = want(probes, routeNames)
	s.agents = want(probes, userAgentNames)
	return err
}

func (s *slo) bind(schema *spanview.Schema) error {
	if err := s.match.bind(schema); err != nil {
		return err
	}
	s.varies = len(s.match.resource) > 0
	for i := range s.exclude {
		if err := s.exclude[i].bind(schema); err != nil {
			return err
		}
		s.varies = s.varies || len(s.exclude[i].resource) > 0
	}
	for _, key := range s.groupBy {
		span, err := spanSlots(schema, namesOf(key))
		if err != nil {
			return err
		}
		resource, err := resourceSlots(schema, namesOf(key))
		if err != nil {
			return err
		}
		s.groups = append(s.groups, groupSource{span: span, resource: resource})
	}
	return nil
}

// declare enters the groups that are known before an event comes, so that they are present at 0.
func (s *slo) declare() {
	if len(s.groupBy) > 0 {
		return
	}
	if s.service != anyService {
		s.series.admitted.get(appendText(nil, s.service), s.series.add)
	}
	for service := range s.overrides {
		s.series.admitted.get(appendText(nil, service), s.series.add)
	}
}

// verdictOn returns what the SLO wants of a service.
func (s *slo) verdictOn(service string) *verdict {
	if v, ok := s.overrides[service]; ok {
		return v
	}
	return &s.verdict
}
