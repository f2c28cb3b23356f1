package red

import (
	"sync"

	"github.com/lightstep/go-expohisto/structure"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// registry knows all series and gives out their ids and their room.
//
// The room is shared by dynamic thresholds: a service gets another series only while it has fewer than are left for all.
// One service that explodes gets half of the room and leaves the other half; n such services leave one part in n + 1.
// (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998, with alpha = 1.)
//
// A span beyond it is counted by its service's overflow series. These are bounded as well; services beyond that share one
// that has no service.name.
type registry struct {
	writer      string
	limit       int
	overflowMax int

	mu        sync.Mutex // protects all below, and the fields of series, resources and services that say so
	byKey     map[string]*series
	resources map[string]*resource
	services  map[string]*service
	overflow  [2]*series // of all other services, by family
	live      int        // series, overflow series apart
	overflows int        // overflow series, the shared ones apart
	lastID    uint32
	flushes   uint64 // begun
}

// service is a service.namespace and service.name that has series.
type service struct {
	key      string
	live     int        // series, overflow series apart
	overflow [2]*series // by family
}

func newRegistry(writer string, limit int) *registry {
	return &registry{
		writer: writer, limit: limit, overflowMax: max(limit/10, 1),
		byKey: map[string]*series{}, resources: map[string]*resource{}, services: map[string]*service{},
	}
}

// seriesMax is how many series there can be.
func (r *registry) seriesMax() int { return r.limit + r.overflowMax + 2 }

// beginFlush starts a flush: what is acquired from now on is not forgotten by it.
func (r *registry) beginFlush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flushes++
}

// acquire returns the series that counts a span.
func (r *registry) acquire(f *family, k *seriesKey, b *spanview.Batch, span int) *series {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.byKey[string(k.key)]
	if s == nil {
		svc := r.services[string(k.key[:k.service])]
		if svc.liveSeries() < r.limit-r.live {
			s = r.create(f, k, b, span)
		} else {
			s = r.acquireOverflow(f, svc, k, b, span)
		}
	}
	s.acquired = r.flushes
	return s
}

func (s *service) liveSeries() int {
	if s == nil {
		return 0
	}
	return s.live
}

func (r *registry) create(f *family, k *seriesKey, b *spanview.Batch, span int) *series {
	values := b.ResourceValues(int(b.Spans[span].Resource))
	key := string(k.key)
	res := r.resources[key[:k.resource]]
	if res == nil {
		attributes := f.identity.resourceAttributes(values, r.writer)
		res = r.newResource(key[:k.resource], attributes, r.serviceOf(key[:k.service]))
	}
	s := r.newSeries(f, key, res, f.attributes(b, span))
	r.byKey[key] = s
	r.live++
	res.service.live++
	return s
}

func (r *registry) acquireOverflow(f *family, svc *service, k *seriesKey, b *spanview.Batch, span int) *series {
	if svc != nil && svc.overflow[f.index] != nil {
		return svc.overflow[f.index]
	}
	if r.overflows >= r.overflowMax {
		return r.acquireShared(f)
	}
	values := b.ResourceValues(int(b.Spans[span].Resource))
	key := string(k.key[:k.service])
	svc = r.serviceOf(key)
	// The key of a resource that has nothing but its service.
	resourceKey := key + string(make([]byte, 2*(1+len(f.identity.keys))))
	res := r.resources[resourceKey]
	if res == nil {
		res = r.newResource(resourceKey, f.identity.serviceAttributes(values, r.writer), svc)
	}
	svc.overflow[f.index] = r.newOverflow(f, key, res, f.overflowAttributes(values))
	r.overflows++
	return svc.overflow[f.index]
}

// acquireShared returns the overflow series of services that have no own.
func (r *registry) acquireShared(f *family) *series {
	if r.overflow[f.index] != nil {
		return r.overflow[f.index]
	}
	res := r.resources[""]
	if res == nil {
		attributes := pcommon.NewMap()
		attributes.PutStr(attrInstance, r.writer)
		res = r.newResource("", attributes, nil)
	}
	labels := pcommon.NewMap()
	labels.PutBool(attrOverflow, true)
	r.overflow[f.index] = r.newOverflow(f, "", res, labels)
	return r.overflow[f.index]
}

func (r *registry) serviceOf(key string) *service {
	svc := r.services[key]
	if svc == nil {
		svc = &service{key: key}
		r.services[key] = svc
	}
	return svc
}

func (r *registry) newResource(key string, attributes pcommon.Map, svc *service) *resource {
	res := &resource{key: key, attributes: attributes, service: svc}
	r.resources[key] = res
	return res
}

func (r *registry) newOverflow(f *family, key string, res *resource, attributes pcommon.Map) *series {
	s := r.newSeries(f, string([]byte{keyOverflow, byte(f.index)})+key, res, attributes)
	s.overflow = true
	return s
}

// newSeries gives a series the next id. Ids are used again only after all 2^32-1 others were.
func (r *registry) newSeries(f *family, key string, res *resource, attributes pcommon.Map) *series {
	r.lastID++
	if r.lastID == 0 {
		r.lastID++
	}
	res.live++
	s := &series{id: r.lastID, family: f, key: key, resource: res, attributes: attributes}
	s.totals = make([]uint64, f.stride)
	if f.durations == durationsExponential {
		s.hist = &structure.Float64{}
		s.hist.Init(structure.NewConfig(structure.WithMaxSize(f.maxSize)))
	}
	return s
}

// forget takes out the series that no lane acquired since the flush began, and marks them as forgotten.
func (r *registry) forget(idle []*series) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range idle {
		if s.acquired < r.flushes {
			s.forgotten = true
			r.remove(s)
		}
	}
}

func (r *registry) remove(s *series) {
	res, svc := s.resource, s.resource.service
	if res.live--; res.live == 0 {
		delete(r.resources, res.key)
	}
	switch {
	case !s.overflow:
		delete(r.byKey, s.key)
		r.live--
		svc.live--
	case svc == nil:
		r.overflow[s.family.index] = nil
		return
	default:
		svc.overflow[s.family.index] = nil
		r.overflows--
	}
	if svc.live == 0 && svc.overflow == [2]*series{} {
		delete(r.services, svc.key)
	}
}
