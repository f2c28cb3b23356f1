package tracebuf

import (
	"fmt"
	"sync/atomic"

	"github.com/otelcol-slo/otelcol-slo/internal/offheap"
)

const (
	cacheShare    = 64      // of the budget for inflated blocks
	cacheBytesMin = 1 << 19 // or this
	cacheBytesMax = 8 << 20
	arenaShare    = 2
	arenaKept     = 1 << 20 // bytes of an arena, and
	groupsKept    = 1 << 10 // groups that stay for the next chain
)

// inflater reads bodies out of compressed slabs, by one goroutine at a time, while that holds the buffer's closing lock. Traces are decided in the
// order of their arrival, so that the blocks that one trace needs are mostly those that the one before needed: inflated blocks
// are cached.
//
// What a chain is read to is copied, so that any block may be evicted: it is valid until the next chain.
type inflater struct {
	slabs  *directory
	codec  *codec
	budget *Budget

	region []byte // lines of blockSize
	lines  []cacheLine
	index  map[blockKey]int32
	hand   int // of the clock that evicts

	arena []byte
	// left is how many bytes this chain may still be read to: one that could not be held uncompressed is cut off.
	left   int64
	groups map[*group]groupBodies

	reads, inflated atomic.Uint64
}

// blockKey names a block; its slab by more than an id, whose generation comes again.
type blockKey struct{ number, gen, block uint32 }

type cacheLine struct {
	key  blockKey
	used bool // since the hand came by
}

// groupBodies is what the spans of a group share.
type groupBodies struct{ resource, resourceSchema, scope, scopeSchema []byte }

func newInflater(b *Budget, slabs *directory, c *codec) (*inflater, error) {
	n := min(max(b.limit/cacheShare, cacheBytesMin), cacheBytesMax) / blockSize
	region, err := offheap.Alloc(int(n) * blockSize)
	if err != nil {
		return nil, fmt.Errorf("cannot create cache of inflated blocks: %w", err)
	}
	b.Take(UseSlabs, int64(len(region)))
	return &inflater{
		slabs: slabs, codec: c, budget: b, region: region,
		lines: make([]cacheLine, n), index: make(map[blockKey]int32, n), groups: map[*group]groupBodies{},
	}, nil
}

func (f *inflater) close() {
	offheap.Free(f.region)
	f.budget.Give(UseSlabs, int64(len(f.region)))
}

// begin begins a chain: what the one before was read to is gone.
func (f *inflater) begin() {
	if cap(f.arena) > arenaKept {
		f.arena = nil
	}
	f.arena = f.arena[:0]
	f.left = f.budget.limit / arenaShare
	if len(f.groups) > groupsKept {
		f.groups = map[*group]groupBodies{}
	}
	clear(f.groups)
}

// read fills in the bodies of a span in a compressed slab.
func (f *inflater) read(b *Buffered) bool {
	shared, known := f.groups[b.group]
	if !known {
		g := b.group
		var ok [4]bool
		shared.resource, ok[0] = f.extent(b.bodies, g.resource, g.resourceSize)
		shared.resourceSchema, ok[1] = f.extent(b.bodies, g.resourceSchema, g.resourceSchemaSize)
		shared.scope, ok[2] = f.extent(b.bodies, g.scope, g.scopeSize)
		shared.scopeSchema, ok[3] = f.extent(b.bodies, g.scopeSchema, g.scopeSchemaSize)
		if ok != [4]bool{true, true, true, true} {
			return false
		}
		f.groups[g] = shared
	}
	b.Resource, b.ResourceSchemaURL, b.Scope, b.ScopeSchemaURL = shared.resource, shared.resourceSchema, shared.scope, shared.scopeSchema
	var ok bool
	b.Span, ok = f.extent(b.bodies, b.Head.offset, b.Head.size)
	return ok
}

// extent returns a copy of bytes of a compressed slab, which may lie in more than one block.
func (f *inflater) extent(s *slab, offset, n uint32) ([]byte, bool) {
	if n == 0 {
		return []byte{}, true
	}
	if f.left -= int64(n); f.left < 0 {
		return nil, false
	}
	dst := f.take(int(n))
	for at := 0; at < len(dst); {
		block := f.block(s, offset/blockSize)
		if block == nil {
			return nil, false
		}
		copied := copy(dst[at:], block[offset%blockSize:])
		at += copied
		offset += uint32(copied)
	}
	return dst, true
}

// take returns n bytes of the arena. What was taken before stays valid where it has to be replaced by a larger one.
func (f *inflater) take(n int) []byte {
	if len(f.arena)+n > cap(f.arena) {
		f.arena = make([]byte, 0, max(2*cap(f.arena), n, 64<<10))
	}
	at := len(f.arena)
	f.arena = f.arena[:at+n]
	return f.arena[at : at+n : at+n]
}

// block returns a block inflated, valid until the next one is asked for; nil where it can't be read, which is a defect.
func (f *inflater) block(s *slab, number uint32) []byte {
	f.reads.Add(1)
	size := min(blockSize, s.used-number*blockSize)
	key := blockKey{number: s.number, gen: s.gen, block: number}
	if i, ok := f.index[key]; ok {
		f.lines[i].used = true
		return f.line(int(i), size)
	}
	f.inflated.Add(1)
	i := f.evict()
	dst := f.line(i, size)
	if !f.inflate(dst, s, number) {
		return nil
	}
	f.lines[i] = cacheLine{key: key, used: true}
	f.index[key] = int32(i)
	return dst
}

func (f *inflater) line(i int, size uint32) []byte {
	return f.region[i*blockSize : i*blockSize+int(size)]
}

// evict frees a line that was not used since the hand came by.
func (f *inflater) evict() int {
	for f.lines[f.hand].used {
		f.lines[f.hand].used = false
		f.hand = (f.hand + 1) % len(f.lines)
	}
	i := f.hand
	f.hand = (f.hand + 1) % len(f.lines)
	delete(f.index, f.lines[i].key)
	f.lines[i] = cacheLine{}
	return i
}

func (f *inflater) inflate(dst []byte, s *slab, number uint32) bool {
	tables := f.slabs.find(s.packed.slab())
	if tables == nil {
		return false
	}
	where := tables.table(s.packed.offset(), int(number)+1)[number]
	from := f.slabs.find(where.slab)
	return from != nil && f.codec.inflate(dst, from.extent(where.offset, where.size)) == nil
}

// CompressionStats are what compression did since the start.
type CompressionStats struct {
	// Slabs were compressed, of RawBytes, to PackedBytes.
	Slabs, RawBytes, PackedBytes uint64
	// Reads of blocks by kept traces; Inflated of them were not in the cache.
	Reads, Inflated uint64
}

// Compression returns what compression did since the start.
func (b *Buffer) Compression() CompressionStats {
	if b.packer == nil {
		return CompressionStats{}
	}
	return CompressionStats{
		Slabs: b.packer.slabs.Load(), RawBytes: b.packer.rawBytes.Load(), PackedBytes: b.packer.packedBytes.Load(),
		Reads: b.inflater.reads.Load(), Inflated: b.inflater.inflated.Load(),
	}
}
