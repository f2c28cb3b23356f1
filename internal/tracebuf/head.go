package tracebuf

// Head is what a buffered span is known by without reading its bytes: 48 bytes in a slab of heads.
type Head struct {
	// Next is the head of the same trace that arrived before this one.
	Next     Ref
	SpanID   [8]byte
	ParentID [8]byte
	offset   uint32 // of the span's body in its slab
	size     uint32 // of the span's body
	group    uint32 // offset of the span's group in this slab
	// Series is the RED series that counted the span, 0 for none.
	Series uint32
	// Kind and Status are OTLP's, cut to a byte; Remote tells OTLP's "parent is remote": 0 unknown, 1 no, 2 yes.
	Kind   uint8
	Status uint8
	Remote uint8
	_      byte
	body   slabID // the slab of the bodies that this head and its group point into
}

// group is what the spans of one ScopeSpans share, 40 bytes: offsets and sizes in the slab of bodies, the service and the
// request's context.
type group struct {
	resource, resourceSize             uint32
	resourceSchema, resourceSchemaSize uint32
	scope, scopeSize                   uint32
	scopeSchema, scopeSchemaSize       uint32
	service, context                   uint32
}

const (
	headSize  = 48
	groupSize = 40
)

// Buffered is a buffered span with what it needs to be sent. The slices are there once [Chain.Read] filled them in; they
// and the head are valid until the emitter returns.
type Buffered struct {
	Head              *Head
	Span              []byte
	Resource          []byte
	ResourceSchemaURL []byte
	Scope             []byte
	ScopeSchemaURL    []byte
	Service           uint32 // spanview.Resource.Service
	Context           uint32 // spanview.Batch.Context

	bodies *slab
	group  *group
	read   bool
}

// Chain is the spans of a closed trace, newest first.
type Chain struct {
	slabs    *directory
	inflater *inflater // nil where nothing is compressed
	next     Ref
}

// chain returns the chain that begins at its newest head. What the chain before was read to by the same inflater is gone.
func (b *Buffer) chain(newest Ref, f *inflater) Chain {
	if f != nil {
		f.begin()
	}
	return Chain{slabs: &b.pool.slabs, inflater: f, next: newest}
}

// Next returns the next span without its bytes, false at the end.
func (c *Chain) Next() (Buffered, bool) {
	s := c.slabs.find(c.next.slab())
	if s == nil {
		return Buffered{}, false
	}
	h := s.head(c.next.offset())
	bodies := c.slabs.find(h.body)
	if bodies == nil {
		return Buffered{}, false
	}
	c.next = h.Next
	g := s.group(h.group)
	return Buffered{Head: h, Service: g.service, Context: g.context, bodies: bodies, group: g}, true
}

// Read fills in a span's bytes. It returns false where they can't be read: where a chain of compressed spans is larger than
// half of the budget.
func (c *Chain) Read(b *Buffered) bool {
	if b.read {
		return true
	}
	s, g := b.bodies, b.group
	if s.packed != 0 {
		b.read = c.inflater.read(b)
		return b.read
	}
	b.read = true
	b.Span = s.extent(b.Head.offset, b.Head.size)
	b.Resource = s.extent(g.resource, g.resourceSize)
	b.ResourceSchemaURL = s.extent(g.resourceSchema, g.resourceSchemaSize)
	b.Scope = s.extent(g.scope, g.scopeSize)
	b.ScopeSchemaURL = s.extent(g.scopeSchema, g.scopeSchemaSize)
	return true
}

// Span returns the bytes of a span alone, nil where they can't be read.
func (c *Chain) Span(b *Buffered) []byte {
	switch s := b.bodies; {
	case b.read:
		return b.Span
	case s.packed != 0:
		span, _ := c.inflater.extent(s, b.Head.offset, b.Head.size)
		return span
	default:
		return s.extent(b.Head.offset, b.Head.size)
	}
}
