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

// Buffered is a buffered span with what it needs to be sent. The slices are valid until the emitter returns.
type Buffered struct {
	Head              *Head
	Span              []byte
	Resource          []byte
	ResourceSchemaURL []byte
	Scope             []byte
	ScopeSchemaURL    []byte
	Service           uint32 // spanview.Resource.Service
	Context           uint32 // spanview.Batch.Context
}

// Chain is the spans of a closed trace, newest first.
type Chain struct {
	pool *slabPool
	next Ref
}

// Next returns the next span, false at the end.
func (c *Chain) Next() (Buffered, bool) {
	s, h := c.pool.resolve(c.next)
	if h == nil {
		return Buffered{}, false
	}
	bodies := c.pool.slabs.find(h.body)
	if bodies == nil {
		return Buffered{}, false
	}
	c.next = h.Next
	g := s.group(h.group)
	return Buffered{
		Head:              h,
		Span:              bodies.extent(h.offset, h.size),
		Resource:          bodies.extent(g.resource, g.resourceSize),
		ResourceSchemaURL: bodies.extent(g.resourceSchema, g.resourceSchemaSize),
		Scope:             bodies.extent(g.scope, g.scopeSize),
		ScopeSchemaURL:    bodies.extent(g.scopeSchema, g.scopeSchemaSize),
		Service:           g.service,
		Context:           g.context,
	}, true
}
