package tracebuf

import (
	"errors"
	"math"
	"sync"
	"unsafe"

	"github.com/otelcol-slo/otelcol-slo/internal/offheap"
)

// ErrNoBudget says that the budget has no room: the request can be sent again later.
var ErrNoBudget = errors.New("the memory budget is used up")

// slabSize is one large page.
const slabSize = 2 << 20

// slab is a piece of memory that is filled from its start and freed whole.
type slab struct {
	data   []byte
	number uint32
	gen    uint32
	used   uint32
	// lastArrival is the greatest first arrival of a record that has a head in here.
	lastArrival int64
}

func (s *slab) head(offset uint32) *Head {
	return (*Head)(unsafe.Pointer(&s.data[offset]))
}

func (s *slab) group(offset uint32) *group {
	return (*group)(unsafe.Pointer(&s.data[offset]))
}

func (s *slab) extent(offset, n uint32) []byte {
	return s.data[offset : offset+n : offset+n]
}

// slabPool hands out slabs and takes them back.
type slabPool struct {
	budget *Budget
	// slabs is the directory by number, complete from the start so that it is read without a lock. [0] stays empty.
	slabs []slab

	mu sync.Mutex // protects all below
	// sealed slabs, oldest first, with spans in them.
	sealed []*slab
	// idle slabs of slabSize, most recently used last. idleLow is the least number of them since the last trim.
	idle    []*slab
	idleLow int
	// free numbers of the directory.
	free []uint32
}

func newSlabPool(b *Budget) *slabPool {
	n := min(b.limit/slabSize+2, slabsMax)
	p := &slabPool{budget: b, slabs: make([]slab, n+1)}
	for i := n; i >= 1; i-- {
		p.free = append(p.free, uint32(i))
	}
	return p
}

// take returns an empty slab of at least n bytes, or ErrNoBudget.
func (p *slabPool) take(n int) (*slab, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := len(p.idle); n <= slabSize && k > 0 {
		s := p.idle[k-1]
		p.idle = p.idle[:k-1]
		p.idleLow = min(p.idleLow, k-1)
		p.budget.Move(UseIdle, UseSlabs, slabSize)
		return s, nil
	}
	size := max(slabSize, (n+slabSize-1)&^(slabSize-1))
	for !p.budget.TryTake(UseSlabs, int64(size)) {
		if !p.releaseIdleLocked() {
			return nil, ErrNoBudget
		}
	}
	return p.mapLocked(size)
}

func (p *slabPool) mapLocked(size int) (*slab, error) {
	if len(p.free) == 0 || size > math.MaxUint32 {
		p.budget.Give(UseSlabs, int64(size))
		return nil, ErrNoBudget
	}
	data, err := offheap.Alloc(size)
	if err != nil { // the system refuses: the same to a sender as a budget that is used up
		p.budget.Give(UseSlabs, int64(size))
		return nil, errors.Join(ErrNoBudget, err)
	}
	number := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	s := &p.slabs[number]
	s.data, s.number, s.used, s.lastArrival = data, number, 0, 0
	return s, nil
}

// releaseIdle gives one idle slab back to the system; it returns false where there is none.
func (p *slabPool) releaseIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.releaseIdleLocked()
}

// releaseIdleLocked gives one idle slab back to the system.
func (p *slabPool) releaseIdleLocked() bool {
	if len(p.idle) == 0 {
		return false
	}
	s := p.idle[0]
	p.idle = p.idle[1:]
	p.idleLow = min(p.idleLow, len(p.idle))
	p.unmapLocked(s)
	p.budget.Give(UseIdle, slabSize)
	return true
}

func (p *slabPool) unmapLocked(s *slab) {
	offheap.Free(s.data)
	s.data = nil
	p.free = append(p.free, s.number)
}

// seal says that a slab is full. Nothing is written to it any more.
func (p *slabPool) seal(s *slab) {
	p.mu.Lock()
	p.sealed = append(p.sealed, s)
	p.mu.Unlock()
}

// sealedCount returns how many slabs are sealed: recycle's bound, taken before the horizon.
func (p *slabPool) sealedCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sealed)
}

// recycle frees those of the first n sealed slabs whose last arrival lies before the horizon and returns how many bytes
// came free. Invariant: these n were sealed before the horizon was looked for, so that it knows all of their records.
func (p *slabPool) recycle(n int, horizon int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var freed int64
	kept := p.sealed[:0]
	for i, s := range p.sealed {
		if i >= n || s.lastArrival >= horizon {
			kept = append(kept, s)
			continue
		}
		freed += int64(len(s.data))
		p.freeLocked(s)
	}
	clear(p.sealed[len(kept):])
	p.sealed = kept
	return freed
}

func (p *slabPool) freeLocked(s *slab) {
	s.gen++
	s.used, s.lastArrival = 0, 0
	offheap.Poison(s.data)
	if len(s.data) != slabSize {
		p.budget.Give(UseSlabs, int64(len(s.data)))
		p.unmapLocked(s)
		return
	}
	p.budget.Move(UseSlabs, UseIdle, slabSize)
	p.idle = append(p.idle, s)
}

// trim gives those idle slabs back to the system that nobody needed since the last trim.
func (p *slabPool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := p.idleLow; n > 0; n-- {
		p.releaseIdleLocked()
	}
	p.idleLow = len(p.idle)
}

// resolve returns the slab and the head that a Ref points at, or nil where the slab has begun another life.
func (p *slabPool) resolve(r Ref) (*slab, *Head) {
	if int(r.slab()) >= len(p.slabs) {
		return nil, nil
	}
	s := &p.slabs[r.slab()]
	if s.gen&genMask != r.gen() || s.data == nil {
		return nil, nil
	}
	return s, s.head(r.offset())
}

// close gives everything back to the system.
func (p *slabPool) close() {
	p.recycle(p.sealedCount(), math.MaxInt64)
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.releaseIdleLocked() {
	}
}
