package tracebuf

// Ref points at bytes in a slab: slab number, its generation, and an offset. The zero Ref points at nothing.
type Ref uint64
