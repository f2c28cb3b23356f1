package tracebuf

import (
	"errors"
	"math"
	"math/bits"
	"sync"
	"unsafe"

	"github.com/otelcol-slo/otelcol-slo/internal/offheap"
)

// ErrNoBudget says that the budget has no room: the request can be sent again later.
var ErrNoBudget = errors.New("the memory budget is used up")

// slabSize is one large page, the size of a slab of bodies.
const slabSize = 2 << 20

// headSlabSize is the size of a slab of heads. Heads are a tenth of ordinary bodies: in a small budget, where each lane's
// open slabs count, their slabs are smaller, down to 256 KiB.
func headSlabSize(limit int64) int {
	const least = 256 << 10
	size := 1 << (bits.Len64(uint64(max(limit, 0)/512)|1) - 1)
	return min(max(size, least), slabSize)
}

// slab is a piece of memory that is filled from its start and freed whole.
type slab struct {
	data   []byte
	number uint32
	gen    uint32
	used   uint32
	alive  bool
	// lastArrival is the greatest first arrival of a record that has a head in here, or a head to a body in here.
	lastArrival int64
}

func (s *slab) id() slabID { return makeSlabID(s.number, s.gen) }

func (s *slab) head(offset uint32) *Head {
	return (*Head)(unsafe.Pointer(&s.data[offset]))
}

func (s *slab) group(offset uint32) *group {
	return (*group)(unsafe.Pointer(&s.data[offset]))
}

func (s *slab) extent(offset, n uint32) []byte {
	return s.data[offset : offset+n : offset+n]
}

// fits reports whether the slab has n bytes left.
func (s *slab) fits(n int) bool { return int(s.used)+n <= len(s.data) }

// slabPool hands out slabs and takes them back.
type slabPool struct {
	budget *Budget

	mu    sync.Mutex // protects all below, but for what the directory says of itself
	slabs directory
	// sealed slabs, oldest first, of bodies and of heads.
	sealed []*slab
	// bodies and heads are idle memory for either. heads is bodies where the sizes are the same.
	bodies regions
	heads  *regions
}

func newSlabPool(b *Budget) *slabPool {
	p := &slabPool{budget: b, bodies: regions{size: slabSize}}
	p.heads = &p.bodies
	if size := headSlabSize(b.limit); size != slabSize {
		p.heads = &regions{size: size}
	}
	return p
}

// take returns an empty slab of at least n bytes for what the regions are for, or ErrNoBudget.
func (p *slabPool) take(r *regions, n int) (*slab, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n > r.size {
		r = &p.bodies
	}
	if n <= r.size {
		if region := r.take(); region != nil {
			p.budget.Move(UseIdle, UseSlabs, int64(len(region)))
			return p.openLocked(region)
		}
	}
	size := r.size
	if n > size {
		size = (n + slabSize - 1) &^ (slabSize - 1)
	}
	for !p.budget.TryTake(UseSlabs, int64(size)) {
		if !p.releaseIdleLocked() {
			return nil, ErrNoBudget
		}
	}
	return p.mapLocked(size)
}

// mapLocked returns a slab of new memory that the budget has been asked for.
func (p *slabPool) mapLocked(size int) (*slab, error) {
	if size > math.MaxUint32 {
		p.budget.Give(UseSlabs, int64(size))
		return nil, ErrNoBudget
	}
	region, err := offheap.Alloc(size)
	if err != nil { // the system refuses: the same to a sender as a budget that is used up
		p.budget.Give(UseSlabs, int64(size))
		return nil, errors.Join(ErrNoBudget, err)
	}
	return p.openLocked(region)
}

func (p *slabPool) openLocked(region []byte) (*slab, error) {
	s := p.slabs.open()
	if s == nil {
		p.giveBackLocked(region)
		return nil, ErrNoBudget
	}
	s.data, s.alive = region, true
	return s, nil
}

// giveBackLocked makes a slab's memory idle or, where it is of no usual size, gives it back to the system.
func (p *slabPool) giveBackLocked(region []byte) {
	n := int64(len(region))
	switch len(region) {
	case p.bodies.size:
		p.bodies.put(region)
	case p.heads.size:
		p.heads.put(region)
	default:
		offheap.Free(region)
		p.budget.Give(UseSlabs, n)
		return
	}
	p.budget.Move(UseSlabs, UseIdle, n)
}

// releaseIdle gives one idle region back to the system; it returns false where there is none.
func (p *slabPool) releaseIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.releaseIdleLocked()
}

func (p *slabPool) releaseIdleLocked() bool {
	return p.bodies.release(p.budget) || p.heads.release(p.budget)
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
		p.giveBackLocked(s.data)
		p.slabs.end(s)
	}
	clear(p.sealed[len(kept):])
	p.sealed = kept
	return freed
}

// trim gives idle memory back to the system that nobody needed since the last trim.
func (p *slabPool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bodies.trim(p.budget)
	if p.heads != &p.bodies {
		p.heads.trim(p.budget)
	}
}

// resolve returns the slab and the head that a Ref points at, or nil where the slab has begun another life.
func (p *slabPool) resolve(r Ref) (*slab, *Head) {
	s := p.slabs.find(r.slab())
	if s == nil {
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
