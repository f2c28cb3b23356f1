package slo

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a counter keeps from its first configuration through all reloads.
type Options struct {
	// WriterID tells this process's series from those of other gateways; it should be stable over restarts.
	WriterID string
	// Lanes is how many lanes [Counter.Observe] may be called with; 0 counts as 1.
	Lanes int
	// Start is when counting starts: the start timestamp of series that are declared from the beginning.
	Start time.Time
}

// seriesMax bounds the SLOs that a process knows in its life, those that reloads took out included.
const seriesMax = 4096

// ledger holds the counts. It outlives reloads: the counters compiled one from another share it.
type ledger struct {
	options Options
	lanes   []*lane

	// bytes is what the groups take, about.
	bytes atomic.Int64

	mu     sync.Mutex
	byName map[string]*series
	all    []*series

	burner burner

	// flushing is held by Flush; it protects what is below and every group's announced state.
	flushing  sync.Mutex
	lastFlush time.Time
}

// lane holds the counts that its observers added. Counts are only ever added to, so that lanes are summed, not drained.
type lane struct {
	mu      sync.Mutex
	counts  [][]count          // by series id and group
	tallies [][tallies]uint64  // by series id
	groups  []map[string]int32 // by series id: groups found before, by key
	parents parentIndex
	key     []byte // scratch
}

// count is the events of one group.
type count struct{ good, bad uint64 }

// tally is what is counted by SLO and not by group.
type tally uint8

const (
	// tallyExcluded + a reason: requests taken out.
	tallyExcluded tally = 0
	// tallySkew: events whose span ended before it started.
	tallySkew = tally(reasons)
	// tallyParentUnknown: events taken for requests by their kind alone.
	tallyParentUnknown = tallySkew + 1
	tallies            = tallyParentUnknown + 1
)

func newLedger(o Options) *ledger {
	l := &ledger{options: o, byName: map[string]*series{}, lastFlush: o.Start}
	l.burner.init(o.Start)
	for range max(o.Lanes, 1) {
		l.lanes = append(l.lanes, &lane{parents: newParentIndex()})
	}
	return l
}

// identity is what an SLO's counts are kept under: its name and the attributes it groups by, which make up its labels.
// Everything else of its declaration may change and the counters go on.
func (d *definition) identity() string {
	return d.name + "\x00" + strings.Join(d.groupBy, "\x00")
}

// enter gives every definition its series, new ones where the ledger has none. It fails without a change.
func (l *ledger) enter(defs []*definition) ([]*series, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	unknown := 0
	for _, d := range defs {
		if l.byName[d.identity()] == nil {
			unknown++
		}
	}
	if len(l.all)+unknown > seriesMax {
		return nil, fmt.Errorf("slos must be at most %d over the life of the process, removed ones included (got %d): "+
			"restart to forget the removed ones", seriesMax, len(l.all)+unknown)
	}
	out := make([]*series, len(defs))
	for i, d := range defs {
		s := l.byName[d.identity()]
		if s == nil {
			s = newSeries(l, d)
			l.byName[d.identity()] = s
			l.all = append(l.all, s)
		}
		s.setMax(d.groupsMax)
		out[i] = s
	}
	for _, ln := range l.lanes {
		ln.widen(len(l.all))
	}
	return out, nil
}

// Rough sizes: of a group with its index entries, of a group's share of a lane, of a plan.
const (
	groupBytes     = 256
	laneGroupBytes = 80
	planBytes      = 160
)

func (l *ledger) snapshot() []*series {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

func (ln *lane) widen(series int) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	for len(ln.counts) < series {
		ln.counts = append(ln.counts, nil)
		ln.tallies = append(ln.tallies, [tallies]uint64{})
		ln.groups = append(ln.groups, map[string]int32{})
	}
}

// add counts one event of a group.
func (ln *lane) add(series, group int32, bad bool) {
	counts := ln.counts[series]
	if int(group) >= len(counts) {
		counts = append(counts, make([]count, int(group)+1-len(counts))...)
		ln.counts[series] = counts
	}
	if bad {
		counts[group].bad++
	} else {
		counts[group].good++
	}
}
