package tracebuf

// Ref points at a head in a slab:
//
//	| slabID (32 bits) | offset (32 bits) |
//
// The zero Ref points at nothing.
type Ref uint64

// slabID names a slab in one of its lives:
//
//	| generation (12 bits) | number (20 bits) |
//
// Numbers start at 1. The generation tells lives apart: the id of an earlier life resolves to nothing.
type slabID uint32

const (
	slabNumberBits = 20
	slabsMax       = 1<<slabNumberBits - 1
	genMask        = 1<<(32-slabNumberBits) - 1
)

func makeSlabID(number, gen uint32) slabID { return slabID(gen&genMask<<slabNumberBits | number) }

func (id slabID) number() uint32 { return uint32(id) & slabsMax }
func (id slabID) gen() uint32    { return uint32(id) >> slabNumberBits }

func makeRef(s *slab, offset uint32) Ref { return Ref(uint64(s.id())<<32 | uint64(offset)) }

func (r Ref) slab() slabID   { return slabID(r >> 32) }
func (r Ref) offset() uint32 { return uint32(r) }
