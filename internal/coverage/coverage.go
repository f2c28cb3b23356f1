package coverage

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/flush"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// Options are what a Coverage is made with.
type Options struct {
	// WriterID tells this process's series from those of other gateways; it should be stable over restarts.
	WriterID string
	// Lanes is how many lanes [Coverage.Observe] may be called with; 0 counts as 1.
	Lanes int
	// Start is the start timestamp of what is counted.
	Start time.Time
}

// Coverage is the observer. See the package comment.
type Coverage struct {
	cfg     Config
	options Options
	slots   struct{ name, namespace spanview.ResourceSlot }
	lanes   []lane

	// flushes counts the flushes from 1 on, generation how often a service was forgotten.
	flushes, generation atomic.Uint64

	share share

	mu             sync.Mutex // protects all below
	now            time.Time  // when Turn or Flush was called last
	services       services
	servicesBeyond bool // there were more than services_max since the last flush
	peers          peers
	peerSchema     spanview.Schema
	peerSlots      peerSlots
	traces         traces
	kept           uint64 // traces, the number of the latest
	gaps           gaps

	// Scratch of Look.
	index    spanIndex
	parents  []int32 // of each span, -1: it is not there
	answered []bool

	lastFlush, lastWindow time.Time
}

// traces is what is counted of whole traces.
type traces struct {
	looked                 tallied
	passedOver             flush.Announced
	disconnected, rootless tallied
	window                 window // of those without a root
	example                example
}

// example is a span that shows what is meant.
type example struct {
	trace [16]byte
	span  [8]byte
}

// New makes an observer of a valid configuration and asks the schema for the attributes it needs. It fails where the
// schema is full.
func New(cfg Config, o Options, schema *spanview.Schema) (*Coverage, error) {
	c := &Coverage{
		cfg: cfg, options: o, lanes: make([]lane, max(o.Lanes, 1)), now: o.Start,
		services:  newServices(cfg.ServicesMax),
		peers:     peers{servicesMax: cfg.ServicesMax, byKey: map[peerKey]*peer{}},
		gaps:      gaps{byKey: map[gapKey]*gap{}},
		index:     newSpanIndex(),
		lastFlush: o.Start, lastWindow: o.Start,
	}
	c.share.spansMax, c.share.threshold, c.share.began = cfg.SpansPerSecondMax, allTraces, o.Start
	c.flushes.Store(1)
	for i := range c.lanes {
		c.lanes[i].known = map[string]*service{}
	}
	if !cfg.Enabled {
		return c, nil
	}
	var err error
	if c.slots.name, err = schema.ResourceSlot("service.name"); err == nil {
		c.slots.namespace, err = schema.ResourceSlot("service.namespace")
	}
	if err == nil {
		err = c.peerSlots.bind(&c.peerSchema)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot ask for attributes: %w", err)
	}
	return c, nil
}

// Turn tells the time, at least every few hundred milliseconds.
func (c *Coverage) Turn(now time.Time) {
	c.share.turn(now)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// Bytes returns about how much memory is taken.
func (c *Coverage) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	const serviceBytes, laneBytes, peerBytes, gapBytes = 750, 100, 500, 400
	return int64(len(c.services.byKey))*(serviceBytes+laneBytes*int64(len(c.lanes))) +
		int64(len(c.peers.byKey))*peerBytes + int64(len(c.gaps.byKey))*gapBytes
}
