package tracebuf

// Ref points at a head in a slab:
//
//	| generation (12 bits) | slab (20 bits) | offset (32 bits) |
//
// Slab numbers start at 1, so the zero Ref points at nothing. The generation tells a slab's lives apart: a Ref to an
// earlier life resolves to nothing.
type Ref uint64

const (
	refSlabBits = 20
	refGenBits  = 12
	slabsMax    = 1<<refSlabBits - 1
	genMask     = 1<<refGenBits - 1
)

func makeRef(s *slab, offset uint32) Ref {
	return Ref(uint64(s.gen&genMask)<<52 | uint64(s.number)<<32 | uint64(offset))
}

func (r Ref) offset() uint32 { return uint32(r) }
func (r Ref) slab() uint32   { return uint32(r>>32) & slabsMax }
func (r Ref) gen() uint32    { return uint32(r >> 52) }
