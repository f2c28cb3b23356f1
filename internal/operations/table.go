package operations

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Options are what a table is for.
type Options struct {
	// Max is how many operations are known at once, up to [MaxLimit].
	Max int
	// Durations: durations are kept, so that limits can be drawn.
	Durations bool
	// FirstTraces is how many of the first traces of an operation are remembered. 0: none, no operation is new.
	FirstTraces int
	// Start is when a new table begins, in milliseconds: ages count from then. 0: with its first tick.
	Start int64
}

// MaxLimit is the greatest Options.Max: drawing the quantiles of as many takes about 60 ms, every 5 seconds.
const MaxLimit = 100_000

// Table gives operations numbers. See the package comment.
type Table struct {
	seed maphash.Seed

	lanesMu sync.Mutex // protects lanes; held through ticks
	lanes   []*Lane

	// full: the table is. While it is, index does not change but with all lanes locked, so that a lane that is locked may read it.
	full     atomic.Bool
	overflow atomic.Uint64

	mu      sync.Mutex // protects all below
	options Options
	index   map[uint64]uint32
	entries []entry // by number; 0 is none
	free    []uint32
	now     int64 // of the last tick, milliseconds
	start   int64 // 0: there was no tick yet

	// Of ticks, which are serialized.
	due, decayed, swept int64
}

// entry is what is known of an operation.
type entry struct {
	hash uint64
	// born and seen are the ticks before the first and the latest span.
	born, seen int64
	// known: no more first traces are noted.
	known     bool
	first     [][16]byte
	durations *histogram
}

// NewTable returns an empty table.
func NewTable(o Options) *Table {
	return &Table{
		seed: maphash.MakeSeed(), options: o, index: make(map[uint64]uint32), entries: make([]entry, 1), now: o.Start, start: o.Start,
	}
}

// Configure changes what a table is for, and draws limits that nobody asks yet from what all lanes noted. What is known stays known,
// and nothing that is known becomes new.
func (t *Table) Configure(o Options, limits []*Limit) {
	t.lanesMu.Lock()
	defer t.lanesMu.Unlock()
	t.configure(o)
	if len(limits) > 0 {
		t.drawAll(1, limits)
	}
}

func (t *Table) configure(o Options) {
	defer t.lockLanes()()
	for _, l := range t.lanes {
		l.drain()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.options = o
	for i := range t.entries {
		e := &t.entries[i]
		if e.known = e.known || len(e.first) >= o.FirstTraces; e.known {
			e.first = nil
		}
		if !o.Durations {
			e.durations = nil
		}
	}
	t.full.Store(len(t.index) >= o.Max)
}

// lockLanes locks all lanes and returns what unlocks them.
func (t *Table) lockLanes() (unlock func()) {
	for _, l := range t.lanes {
		l.mu.Lock()
	}
	return func() {
		for _, l := range t.lanes {
			l.mu.Unlock()
		}
	}
}

// Hash returns the hash of a text, which no sender can foresee. It is never 0.
func (t *Table) Hash(text string) uint64 { return maphash.String(t.seed, text) | 1<<63 }

// Join returns the hash of two hashes in this order. It is never 0.
func Join(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9E3779B97F4A7C15, b^0xD6E8FEB86659FD93)
	return (hi ^ lo) | 1<<63
}

// intern returns the number of an operation, a new one where there is none; 0 where the table is full.
func (t *Table) intern(hash uint64) (number uint32, fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, there := t.index[hash]; there {
		return n, !t.entries[n].known
	}
	if len(t.index) >= t.options.Max { // another lane was faster
		return 0, false
	}
	fresh = t.options.FirstTraces > 0
	return t.add(hash, !fresh), fresh
}

// add gives an operation a number. There must be room.
func (t *Table) add(hash uint64, known bool) (number uint32) {
	if n := len(t.free); n > 0 {
		number, t.free = t.free[n-1], t.free[:n-1]
	} else {
		number = uint32(len(t.entries))
		t.entries = append(t.entries, entry{})
	}
	t.entries[number] = entry{hash: hash, born: t.now, seen: t.now, known: known}
	t.index[hash] = number
	if len(t.index) >= t.options.Max {
		t.full.Store(true)
	}
	return number
}

// Known returns the number of an operation, 0 where it is not known. It changes nothing. The number may be another's after the next tick.
func (t *Table) Known(hash uint64) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.index[hash]
}

// Learn is Known, and makes an operation known that is not, if there is room: it is not new. No lane may be in use meanwhile.
func (t *Table) Learn(hash uint64) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, there := t.index[hash]
	if !there && len(t.index) < t.options.Max {
		n = t.add(hash, true)
	}
	return n
}

// place returns the place of a trace among the first of an operation, from 0, or -1 where it is none of them, and how old the
// table was when the operation came, in milliseconds. known: from now on there is none to come.
func (t *Table) place(number uint32, id *[16]byte) (place int, age int64, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &t.entries[number]
	if e.known {
		return -1, 0, true
	}
	place = len(e.first)
	for i := range e.first {
		if e.first[i] == *id {
			place = i
		}
	}
	if place == len(e.first) {
		if len(e.first) == t.options.FirstTraces {
			e.known, e.first = true, nil
			return -1, 0, true
		}
		e.first = append(e.first, *id)
	}
	return place, max(e.born-t.start, 0), false
}

// Stats are how many operations are known, and how many spans came of operations that there was no room for.
type Stats struct {
	Known    int
	Overflow uint64
}

// Stats returns the table's figures; Overflow is that of the last tick.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Stats{Known: len(t.index), Overflow: t.overflow.Load()}
}

// Bytes returns about how much memory the table takes.
func (t *Table) Bytes() int64 {
	t.lanesMu.Lock()
	defer t.lanesMu.Unlock()
	var lanes int64
	for _, l := range t.lanes {
		l.mu.Lock()
		lanes += int64(unsafe.Sizeof(*l)) + int64(len(l.slots))*int64(unsafe.Sizeof(slot{}))
		l.mu.Unlock()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	each := int64(unsafe.Sizeof(entry{})) + mapEntryBytes
	if t.options.Durations {
		each += int64(unsafe.Sizeof(histogram{}))
	}
	return lanes + int64(len(t.index))*each
}

// mapEntryBytes is about what an entry of index takes.
const mapEntryBytes = 32
