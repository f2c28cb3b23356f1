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

// kind is what a slab holds.
type kind uint8

const (
	bodies kind = iota
	heads
	packed // compressed bodies
)

// slab is a piece of memory that is filled from its start and freed whole.
type slab struct {
	data   []byte // nil where its bodies are compressed
	number uint32
	gen    uint32
	used   uint32
	kind   kind
	alive  bool
	// busy: it is being compressed and may not be recycled; protected by the pool's lock.
	busy bool
	// packed is the row of its compressed blocks, 0 where it is not compressed; protected by the buffer's closing lock.
	packed Ref
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
	// raw are the sealed slabs of bodies that are not compressed, oldest first; none where they are not to be.
	raw        []life
	compresses bool
	// large and small are idle memory of slabSize and for slabs of heads, the same where those are as large.
	large regions
	small *regions
}

// life is a slab in one of its lives.
type life struct {
	slab *slab
	gen  uint32
}

func newSlabPool(b *Budget) *slabPool {
	p := &slabPool{budget: b, large: regions{size: slabSize}}
	p.small = &p.large
	if size := headSlabSize(b.limit); size != slabSize {
		p.small = &regions{size: size}
	}
	return p
}

// take returns an empty slab of at least n bytes, or ErrNoBudget.
func (p *slabPool) take(k kind, n int) (*slab, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &p.large
	if k == heads && n <= p.small.size {
		r = p.small
	}
	if n <= r.size {
		if s := p.reuseLocked(k, r); s != nil {
			return s, nil
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
	return p.mapLocked(k, size)
}

// takePacked returns an empty slab for compressed bodies, also beyond the budget: more than it takes comes free by it.
func (p *slabPool) takePacked() (*slab, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.reuseLocked(packed, &p.large); s != nil {
		return s, nil
	}
	p.budget.Take(UseSlabs, slabSize)
	return p.mapLocked(packed, slabSize)
}

// reuseLocked returns a slab of idle memory, nil where there is none.
func (p *slabPool) reuseLocked(k kind, r *regions) *slab {
	region := r.take()
	if region == nil {
		return nil
	}
	p.budget.Move(UseIdle, UseSlabs, int64(len(region)))
	return p.openLocked(k, region)
}

// mapLocked returns a slab of new memory that the budget has been asked for.
func (p *slabPool) mapLocked(k kind, size int) (*slab, error) {
	if size > math.MaxUint32 {
		p.budget.Give(UseSlabs, int64(size))
		return nil, ErrNoBudget
	}
	region, err := offheap.Alloc(size)
	if err != nil { // the system refuses: the same to a sender as a budget that is used up
		p.budget.Give(UseSlabs, int64(size))
		return nil, errors.Join(ErrNoBudget, err)
	}
	if s := p.openLocked(k, region); s != nil {
		return s, nil
	}
	return nil, ErrNoBudget
}

// openLocked begins a slab's life, or returns nil and makes its memory idle where all numbers are taken.
func (p *slabPool) openLocked(k kind, region []byte) *slab {
	s := p.slabs.open()
	if s == nil {
		p.giveBackLocked(region)
		return nil
	}
	s.data, s.kind, s.alive = region, k, true
	return s
}

// giveBackLocked makes a slab's memory idle or, where it is of no usual size, gives it back to the system.
func (p *slabPool) giveBackLocked(region []byte) {
	n := int64(len(region))
	switch len(region) {
	case p.large.size:
		p.large.put(region)
	case p.small.size:
		p.small.put(region)
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
	return p.large.release(p.budget) || p.small.release(p.budget)
}

// seal says that a slab is full. Nothing is written to it any more.
func (p *slabPool) seal(s *slab) {
	p.mu.Lock()
	p.sealed = append(p.sealed, s)
	if p.compresses && s.kind == bodies && s.used > 0 {
		p.raw = append(p.raw, life{s, s.gen})
	}
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
		if i >= n || s.busy || s.lastArrival >= horizon {
			kept = append(kept, s)
			continue
		}
		if s.data != nil {
			freed += int64(len(s.data))
			p.giveBackLocked(s.data)
		}
		p.slabs.end(s)
	}
	clear(p.sealed[len(kept):])
	p.sealed = kept
	return freed
}

// nextRaw returns the oldest slab of bodies that is not compressed, but for the spare latest, and makes it busy until swap
// or leave; nil where there is none.
func (p *slabPool) nextRaw(spare int) *slab {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.raw) > spare {
		next := p.raw[0]
		p.raw[0] = life{}
		p.raw = p.raw[1:]
		if next.slab.gen == next.gen {
			next.slab.busy = true
			return next.slab
		}
	}
	return nil
}

// swap says that a busy slab is compressed now: its memory is idle from here on. It returns the bytes that came free.
func (p *slabPool) swap(s *slab, table Ref) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := int64(len(s.data))
	p.giveBackLocked(s.data)
	s.data, s.packed, s.busy = nil, table, false
	return n
}

// leave says that a busy slab stays as it is.
func (p *slabPool) leave(s *slab) {
	p.mu.Lock()
	s.busy = false
	p.mu.Unlock()
}

// trim gives idle memory back to the system that nobody needed since the last trim.
func (p *slabPool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.large.trim(p.budget)
	if p.small != &p.large {
		p.small.trim(p.budget)
	}
}

// close gives everything back to the system.
func (p *slabPool) close() {
	p.recycle(p.sealedCount(), math.MaxInt64)
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.releaseIdleLocked() {
	}
}
