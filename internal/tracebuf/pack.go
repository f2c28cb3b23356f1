package tracebuf

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// packedBlock is where a compressed block lies: 12 bytes, one for each block of a slab in a row, in the packed slab that
// the row ended up in.
type packedBlock struct {
	slab         slabID
	offset, size uint32
}

const packedBlockSize = 12

// packer compresses sealed slabs of bodies into packed slabs, which are sealed and freed by the horizon like others.
type packer struct {
	pool  *slabPool
	codec codec

	mu      sync.Mutex // protects all below; a slab at a time
	open    *slab      // being filled, nil where none is
	taken   int64      // bytes of packed slabs taken for the slab at hand
	blocks  []packedBlock
	scratch []byte

	slabs, rawBytes, packedBytes atomic.Uint64
}

// worthwhile reports whether n bytes that became packed are to stay so: below a quarter saved they aren't, as bodies that
// are compressed already.
func worthwhile(n, packed int) bool { return packed <= n-n/4 }

// Compress compresses the oldest sealed slab of bodies that isn't yet, but for the spare latest ones, and returns how many
// bytes came free, less than none where a new slab was needed for the result; more is false where there was none to
// compress. It reads the slab outside of all locks.
func (b *Buffer) Compress(spare int) (freed int64, more bool) {
	k := b.packer
	if k == nil {
		return 0, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := b.pool.nextRaw(spare)
	if s == nil {
		return 0, false
	}
	k.taken = 0
	table, ok := k.pack(s)
	if !ok {
		b.pool.leave(s)
		return -k.taken, true
	}
	b.closing.Lock() // no chain is being read
	defer b.closing.Unlock()
	return b.pool.swap(s, table) - k.taken, true
}

// pack compresses a slab and returns where its row of blocks lies. It returns false where the slab stays as it is.
func (k *packer) pack(s *slab) (Ref, bool) {
	start, used := k.open, uint32(0)
	if start != nil {
		used = start.used
	}
	table, packed, ok := k.packBlocks(s)
	if !ok {
		if k.open != start {
			used = 0 // it has blocks of this slab alone
		}
		if k.open != nil {
			k.open.used = used
		}
		return 0, false
	}
	k.slabs.Add(1)
	k.rawBytes.Add(uint64(s.used))
	k.packedBytes.Add(uint64(packed))
	return table, true
}

func (k *packer) packBlocks(s *slab) (Ref, int, bool) {
	k.blocks = k.blocks[:0]
	packed := 0
	for at := uint32(0); at < s.used; at += blockSize {
		block := s.extent(at, min(blockSize, s.used-at))
		where, ok := k.put(block, s.lastArrival)
		if !ok {
			return 0, 0, false
		}
		k.blocks = append(k.blocks, where)
		packed += int(where.size)
		// A look after the first blocks spares trying all of what can't be compressed.
		if len(k.blocks) == 4 && !worthwhile(4*blockSize, packed) {
			return 0, 0, false
		}
	}
	if !worthwhile(int(s.used), packed) {
		return 0, 0, false
	}
	n := len(k.blocks) * packedBlockSize
	if !k.room(n + 3) {
		return 0, 0, false
	}
	k.open.used = (k.open.used + 3) &^ 3
	copy(k.open.table(k.open.used, len(k.blocks)), k.blocks)
	row := k.wrote(n, s.lastArrival)
	return makeRef(k.open, row.offset), packed + n, true
}

// put compresses a block into the open packed slab. Where that may have no room, at its end or before the first, the block
// goes through scratch memory.
func (k *packer) put(block []byte, arrival int64) (packedBlock, bool) {
	bound := k.codec.bound(len(block))
	if k.open != nil && k.open.fits(bound) {
		return k.wrote(k.codec.compress(k.open.data[k.open.used:], block), arrival), true
	}
	if len(k.scratch) < bound {
		k.scratch = make([]byte, bound)
	}
	size := k.codec.compress(k.scratch, block)
	if !k.room(size) {
		return packedBlock{}, false
	}
	copy(k.open.data[k.open.used:], k.scratch[:size])
	return k.wrote(size, arrival), true
}

// wrote notes that n bytes were written to the open packed slab, for a slab of the given last arrival: it lives as long.
func (k *packer) wrote(n int, arrival int64) packedBlock {
	o := k.open
	where := packedBlock{slab: o.id(), offset: o.used, size: uint32(n)}
	o.used += uint32(n)
	o.lastArrival = max(o.lastArrival, arrival)
	return where
}

// room makes open a packed slab that has n bytes left.
func (k *packer) room(n int) bool {
	if k.open != nil && k.open.fits(n) {
		return true
	}
	s, err := k.pool.takePacked()
	if err != nil {
		return false
	}
	if k.open != nil {
		k.pool.seal(k.open)
	}
	k.open = s
	k.taken += int64(len(s.data))
	return true
}

// table returns n entries of a row of blocks.
func (s *slab) table(offset uint32, n int) []packedBlock {
	return unsafe.Slice((*packedBlock)(unsafe.Pointer(&s.data[offset])), n)
}

func (k *packer) close() {
	if k.open != nil {
		k.pool.seal(k.open)
		k.open = nil
	}
	k.codec.close()
}
