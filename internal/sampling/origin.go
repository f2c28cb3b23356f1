package sampling

import (
	"github.com/otelcol-slo/otelcol-slo/internal/operations"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// origin tells where a span comes from: its operation, its service's version. It does nothing where no policy asks for it.
type origin struct {
	bound                       bool
	namespace, service, version spanview.ResourceSlot

	slow                             []slowTest
	firstOfOperation, firstOfVersion []firstTest

	// operations and versions are nil where no policy needs them.
	operations, versions *operations.Table
	limits               []*operations.Limit
	// learnOperations, learnVersions: a reload made the table, so that what is matched again, which came before, is known to it.
	learnOperations, learnVersions bool
}

// originScratch is what a lane needs for it.
type originScratch struct {
	operations, versions *operations.Lane
	services             []uint64 // hashes by resource
	versionOf            []uint64 // hashes by resource, 0 for none
}

// bindOrigin asks for the attributes that tell services apart.
func (c *compiler) bindOrigin() error {
	o := &c.policies.origin
	if o.bound {
		return nil
	}
	o.bound = true
	for _, want := range []struct {
		slot *spanview.ResourceSlot
		key  string
	}{{&o.namespace, "service.namespace"}, {&o.service, "service.name"}, {&o.version, "service.version"}} {
		var err error
		if *want.slot, err = c.schema.ResourceSlot(want.key); err != nil {
			return err
		}
	}
	return nil
}

// open makes the tables that the policies need, or takes over those of the policies before.
func (o *origin) open(operationsMax int, with Options) {
	for i := range o.slow {
		o.slow[i].limit = operations.NewLimit(o.slow[i].rule, operationsMax)
		o.limits = append(o.limits, o.slow[i].limit)
	}
	var was origin
	if with.Previous != nil {
		was = with.Previous.origin
		o.learnOperations = was.operations == nil && len(o.firstOfOperation) > 0
		o.learnVersions = was.versions == nil && len(o.firstOfVersion) > 0
	}
	if len(o.slow)+len(o.firstOfOperation) > 0 {
		o.operations = openTable(was.operations, operations.Options{
			Max: operationsMax, Durations: len(o.slow) > 0, FirstTraces: tracesOf(o.firstOfOperation), Start: with.Now,
		}, o.limits)
	}
	if len(o.firstOfVersion) > 0 {
		o.versions = openTable(was.versions, operations.Options{
			Max: operationsMax, FirstTraces: tracesOf(o.firstOfVersion), Start: with.Now,
		}, nil)
	}
}

func openTable(was *operations.Table, o operations.Options, limits []*operations.Limit) *operations.Table {
	if was == nil {
		return operations.NewTable(o)
	}
	was.Configure(o, limits)
	return was
}

func tracesOf(tests []firstTest) int {
	most := 0
	for i := range tests {
		most = max(most, tests[i].traces)
	}
	return most
}

func (o *origin) tick(now int64) {
	if o.operations != nil {
		o.operations.Tick(now, o.limits)
	}
	if o.versions != nil {
		o.versions.Tick(now, nil)
	}
}

// shape gives the scratch lanes of the tables.
func (o *origin) shape(sc *originScratch) {
	if o.operations != nil && !sc.operations.Of(o.operations) {
		sc.operations = o.operations.NewLane()
	}
	if o.versions != nil && !sc.versions.Of(o.versions) {
		sc.versions = o.versions.NewLane()
	}
}

// match adds the bits of what depends on the spans' origin.
func (o *origin) match(b *spanview.Batch, sc *originScratch, again bool) {
	if again {
		o.matchAgain(b)
		return
	}
	if o.operations != nil {
		o.matchOperations(b, sc)
	}
	if o.versions != nil {
		o.matchVersions(b, sc)
	}
}

func (o *origin) matchOperations(b *spanview.Batch, sc *originScratch) {
	t, lane := o.operations, sc.operations
	sc.services = sc.services[:0]
	for i := range b.Resources {
		sc.services = append(sc.services, o.serviceHash(t, b.ResourceValues(i)))
	}
	lane.Begin()
	defer lane.End()
	for i := range b.Spans {
		s := &b.Spans[i]
		hash := operationHash(t, sc.services[s.Resource], s)
		number, fresh := lane.Find(hash)
		if number == 0 {
			continue
		}
		duration := s.Duration()
		lane.Note(number, duration)
		o.testDuration(s, number, duration)
		if fresh {
			place, age := lane.Place(hash, number, &s.TraceID)
			s.Bits |= firstBits(o.firstOfOperation, place, age)
		}
	}
}

func (o *origin) matchVersions(b *spanview.Batch, sc *originScratch) {
	lane := sc.versions
	sc.versionOf = sc.versionOf[:0]
	lane.Begin()
	defer lane.End()
	anyFresh := false
	for i := range b.Resources {
		hash := o.versionHash(b.ResourceValues(i))
		if hash != 0 {
			number, fresh := lane.Find(hash)
			lane.Note(number, 0)
			if !fresh {
				hash = 0 // nothing to ask
			}
			anyFresh = anyFresh || fresh
		}
		sc.versionOf = append(sc.versionOf, hash)
	}
	if !anyFresh {
		return
	}
	for i := range b.Spans {
		s := &b.Spans[i]
		hash := sc.versionOf[s.Resource]
		if hash == 0 {
			continue
		}
		number, fresh := lane.Find(hash)
		if !fresh {
			sc.versionOf[s.Resource] = 0
			continue
		}
		place, age := lane.Place(hash, number, &s.TraceID)
		s.Bits |= firstBits(o.firstOfVersion, place, age)
	}
}

// matchAgain adds the bits of spans that are slow by what is known now. Which traces were the first is not known any more.
func (o *origin) matchAgain(b *spanview.Batch) {
	if o.learnVersions {
		for i := range b.Resources {
			if hash := o.versionHash(b.ResourceValues(i)); hash != 0 {
				o.versions.Learn(hash)
			}
		}
	}
	if len(o.slow) == 0 && !o.learnOperations {
		return
	}
	t := o.operations
	find := t.Known
	if o.learnOperations {
		find = t.Learn
	}
	for i := range b.Spans {
		s := &b.Spans[i]
		number := find(operationHash(t, o.serviceHash(t, b.ResourceValues(int(s.Resource))), s))
		o.testDuration(s, number, s.Duration())
	}
}

func (o *origin) testDuration(s *spanview.Span, number uint32, duration uint64) {
	for i := range o.slow {
		if slow := &o.slow[i]; slow.limit.Reached(number, duration) {
			s.Bits |= slow.bit
		}
	}
}

func operationHash(t *operations.Table, service uint64, s *spanview.Span) uint64 {
	return operations.Join(service^uint64(uint32(s.Kind)), t.Hash(s.Name))
}

func (o *origin) serviceHash(t *operations.Table, resource []spanview.Value) uint64 {
	return operations.Join(t.Hash(textOf(&resource[o.namespace])), t.Hash(textOf(&resource[o.service])))
}

// versionHash returns the hash of the version that a resource is of, 0 where it tells none.
func (o *origin) versionHash(resource []spanview.Value) uint64 {
	version := textOf(&resource[o.version])
	if version == "" {
		return 0
	}
	return operations.Join(o.serviceHash(o.versions, resource), o.versions.Hash(version))
}

// textOf returns the text of a value, "" of one that is none.
func textOf(v *spanview.Value) string {
	if v.Type != spanview.String {
		return ""
	}
	return v.Str
}
