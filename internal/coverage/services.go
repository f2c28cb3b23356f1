package coverage

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// unknownService is the service.name of resources that have none, as the semantic conventions tell SDKs to call them.
const unknownService = "unknown_service"

// service is one that is heard from, told from others by name and namespace. What is not atomic is protected by the
// lock of Coverage.
type service struct {
	number          uint32
	name, namespace string
	// heard is the flush during which a request of it came last.
	heard atomic.Uint64
	last  time.Time // when it was heard from, as of the last flush

	serves  bool // it has spans that are requests
	spans   tallied
	orphans [parents]tallied
	window  window  // of all spans and orphans of every kind
	example example // an orphan

	arrived arrived
	aged    bool // the last flush had its age
	// kept is how many kept traces had a span of it; keptLast the number of the latest.
	kept, keptLast uint64
}

// services gives services their numbers. Numbers are never used again: one that was forgotten stands for nothing.
type services struct {
	max      int
	byKey    map[string]*service
	byNumber map[uint32]*service
	// names counts the services of a name, in lower case, whatever their namespaces.
	names  map[string]int
	issued uint32
}

func newServices(limit int) services {
	return services{max: limit, byKey: map[string]*service{}, byNumber: map[uint32]*service{}, names: map[string]int{}}
}

// enter returns the service of a key, a new one where there is room, else nil.
func (s *services) enter(key string, now time.Time) *service {
	if known := s.byKey[key]; known != nil || len(s.byKey) >= s.max {
		return known
	}
	namespace, name, _ := strings.Cut(key, keySeparator)
	s.issued++
	made := &service{number: s.issued, name: name, namespace: namespace, last: now, arrived: arrived{sinceFlush: noArrivals}}
	s.byKey[key], s.byNumber[made.number] = made, made
	s.names[strings.ToLower(name)]++
	return made
}

func (s *services) forget(key string) {
	gone := s.byKey[key]
	delete(s.byKey, key)
	delete(s.byNumber, gone.number)
	lower := strings.ToLower(gone.name)
	if s.names[lower]--; s.names[lower] == 0 {
		delete(s.names, lower)
	}
}

const keySeparator = "\x00"

// lane is what one caller of Observe has for itself: the services it met, so that it takes no lock for them again. Of those
// that have no room it remembers as many, as nil.
type lane struct {
	known map[string]*service
	// generation of the services that known is of.
	generation uint64
	key        []byte
	arrivals   []arrivals // of the batch, by resource
}

// Observe notes which services a batch came from and what came of each, and gives its resources their services' numbers. lane
// is from 0 to Options.Lanes - 1; a lane has one caller at a time.
func (c *Coverage) Observe(lane int, b *spanview.Batch, now time.Time) {
	if !c.cfg.Enabled {
		return
	}
	ln := &c.lanes[lane]
	if generation := c.generation.Load(); ln.generation != generation {
		clear(ln.known)
		ln.generation = generation
	}
	ln.measure(b, now)
	flush := c.flushes.Load()
	for i := range b.Resources {
		ln.key = c.appendKey(ln.key[:0], b, i)
		s, met := ln.known[string(ln.key)]
		if !met {
			s = c.meet(ln, string(ln.key))
		}
		if s == nil {
			continue
		}
		if s.heard.Load() != flush {
			s.heard.Store(flush)
		}
		b.Resources[i].Service = s.number
		if a := &ln.arrivals[i]; a.spans > 0 {
			s.arrived.add(a)
		}
	}
}

// meet finds the service of a key that the lane hasn't met, nil where there are too many.
func (c *Coverage) meet(ln *lane, key string) *service {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.services.enter(strings.ToValidUTF8(key, "\uFFFD"), c.now)
	if s == nil {
		c.servicesBeyond = true
	}
	if s != nil || len(ln.known) < 2*c.cfg.ServicesMax {
		ln.known[key] = s
	}
	return s
}

// appendKey appends the namespace and the name of a resource's service.
func (c *Coverage) appendKey(key []byte, b *spanview.Batch, resource int) []byte {
	if v := b.ResourceValue(resource, c.slots.namespace); v.Type == spanview.String {
		key = appendText(key, v.Str)
	}
	key = append(key, keySeparator...)
	if v := b.ResourceValue(resource, c.slots.name); v.Type == spanview.String && v.Str != "" {
		return appendText(key, v.Str)
	}
	return append(key, unknownService...)
}

// textMax bounds the names that are kept.
const textMax = 1024

// appendText appends a name, cut at textMax.
func appendText(key []byte, text string) []byte {
	return append(key, text[:min(len(text), textMax)]...)
}
