package tracebuf

import (
	"unsafe"

	"github.com/otelcol-slo/otelcol-slo/internal/offheap"
)

// decisions remembers what became of traces whose records are gone: two generations of an open-addressing set of
//
//	| fingerprint (upper 63 bits of the trace id's hash) | kept (1 bit) |   0: empty
//
// When the young generation is full the old one is forgotten and the two change places, so that between one and two
// times generationMax traces are remembered. With n traces remembered a late span of an unknown trace meets a wrong
// decision with probability n / 2^63.
type decisions struct {
	budget        *Budget
	generationMax int // decisions in a generation, 0: remember nothing
	young, old    generation
}

type generation struct {
	region  []byte
	entries []uint64
	count   int
}

const generationMin = 1 << 8

// fingerprint never is 0 and leaves the lowest bit free.
func fingerprint(hash uint64) uint64 { return max(hash&^1, 2) }

// recall returns what was decided of a trace; ok is false for a trace that is not remembered.
func (d *decisions) recall(hash uint64) (kept, ok bool) {
	if e := d.find(hash); e != nil {
		return *e&1 != 0, true
	}
	return false, false
}

func (d *decisions) find(hash uint64) *uint64 {
	if e := d.young.find(fingerprint(hash)); e != nil {
		return e
	}
	return d.old.find(fingerprint(hash))
}

// change replaces the decision on a trace; it returns false for one that is not remembered.
func (d *decisions) change(hash uint64, kept bool) bool {
	e := d.find(hash)
	if e != nil {
		*e = decision(hash, kept)
	}
	return e != nil
}

// remember enters a decision on a trace that is not remembered yet. It does nothing where there is no memory at all.
func (d *decisions) remember(hash uint64, kept bool) {
	if d.generationMax == 0 {
		return
	}
	if d.young.count >= d.generationMax {
		d.turnOver()
	}
	if d.young.full() && !d.young.grow(d.budget) && !d.turnOverEarly() {
		return
	}
	d.young.place(decision(hash, kept))
	d.young.count++
}

// turnOver forgets the old generation and makes the young one old.
func (d *decisions) turnOver() {
	d.young, d.old = d.old, d.young
	d.young.clear()
}

// turnOverEarly makes room where the budget has none, at the cost of the oldest decisions: late spans are mostly those of
// the latest traces. It returns false where there is no memory at all.
func (d *decisions) turnOverEarly() bool {
	if len(d.old.entries) > 0 {
		d.turnOver()
	} else {
		d.young.clear()
	}
	return !d.young.full()
}

func decision(hash uint64, kept bool) uint64 {
	if kept {
		return fingerprint(hash) | 1
	}
	return fingerprint(hash)
}

func (d *decisions) close() {
	d.young.free(d.budget)
	d.old.free(d.budget)
}

func (g *generation) find(fp uint64) *uint64 {
	if len(g.entries) == 0 {
		return nil
	}
	mask := uint64(len(g.entries) - 1)
	for i := fp >> 1 & mask; g.entries[i] != 0; i = (i + 1) & mask {
		if g.entries[i]&^1 == fp {
			return &g.entries[i]
		}
	}
	return nil
}

// full reports whether the generation has to grow before it takes another decision.
func (g *generation) full() bool { return g.count*4 >= len(g.entries)*3 }

// home returns what stands in the first slot where a hash is looked up.
func (g *generation) home(hash uint64) uint64 {
	if len(g.entries) == 0 {
		return 0
	}
	return g.entries[fingerprint(hash)>>1&uint64(len(g.entries)-1)]
}

func (g *generation) place(value uint64) {
	mask := uint64(len(g.entries) - 1)
	i := value >> 1 & mask
	for g.entries[i] != 0 {
		i = (i + 1) & mask
	}
	g.entries[i] = value
}

// grow doubles the generation, within the budget: remembering is worth less than receiving.
func (g *generation) grow(b *Budget) bool {
	n := max(generationMin, len(g.entries)*2)
	if !b.TryTake(UseDecisions, int64(n*8)) {
		return false
	}
	region, err := offheap.Alloc(n * 8)
	if err != nil {
		b.Give(UseDecisions, int64(n*8))
		return false
	}
	old := *g
	g.region = region
	g.entries = unsafe.Slice((*uint64)(unsafe.Pointer(&region[0])), n)
	for _, e := range old.entries {
		if e != 0 {
			g.place(e)
		}
	}
	if old.region != nil {
		offheap.Free(old.region)
		b.Give(UseDecisions, int64(len(old.region)))
	}
	return true
}

func (g *generation) clear() {
	clear(g.entries)
	g.count = 0
}

func (g *generation) free(b *Budget) {
	if g.region != nil {
		offheap.Free(g.region)
		b.Give(UseDecisions, int64(len(g.region)))
	}
	*g = generation{}
}
