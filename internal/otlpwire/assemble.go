package otlpwire

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
)

// Piece is one span of a request to be built, with the messages around it: bodies as [Scan] found them, without tag and
// length. Empty bodies stand for absent ones.
type Piece struct {
	Resource          []byte // Resource
	ResourceSchemaURL []byte // ResourceSpans.schema_url
	Scope             []byte // InstrumentationScope
	ScopeSchemaURL    []byte // ScopeSpans.schema_url
	Span              []byte // Span

	// TraceState replaces the span's where SetTraceState says so; empty, it takes the span's away.
	TraceState    string
	SetTraceState bool
	// Attributes are more of them, as AppendString and its like wrote them.
	Attributes []byte
}

// Assembler builds one ExportTraceServiceRequest out of the bodies of spans, resources and scopes.
//
// Pieces with equal resource bytes and schema URL share one ResourceSpans, those among them with equal scope bytes and
// schema URL one ScopeSpans. Both come in the order of their first piece, spans within a scope in the order they were
// added. The bytes given to Add are read again by AppendTo and must not change in between.
//
// The zero Assembler is ready; it keeps its memory between uses.
type Assembler struct {
	resources []resourceGroup
	scopes    []scopeGroup
	spans     []spanEntry

	// Groups by the hash of their bytes, the newest of each hash: where two share one, a group may come twice in the
	// request, which says the same.
	resourceIndex map[uint64]int32
	scopeIndex    map[uint64]int32
	seed          maphash.Seed

	// Group of the last piece: the next one is mostly of the same.
	resource, scope int32
}

// none ends a list of groups or spans.
const none = -1

type resourceGroup struct {
	resource, schemaURL   []byte
	firstScope, lastScope int32
	size                  int // of the ResourceSpans body; set by Size
}

type scopeGroup struct {
	resource            int32
	scope, schemaURL    []byte
	firstSpan, lastSpan int32
	next                int32 // scope of the resource
	size                int   // of the ScopeSpans body
}

type spanEntry struct {
	body          []byte
	traceState    string
	setTraceState bool
	attributes    []byte
	next          int32 // span of the scope
}

// Reset forgets all pieces.
func (a *Assembler) Reset() {
	// What is cut off is cleared: it would keep the requests alive that it points into.
	clear(a.resources)
	clear(a.scopes)
	clear(a.spans)
	a.resources, a.scopes, a.spans = a.resources[:0], a.scopes[:0], a.spans[:0]
	clear(a.resourceIndex)
	clear(a.scopeIndex)
}

// Len returns the number of pieces.
func (a *Assembler) Len() int { return len(a.spans) }

// Add adds a span.
func (a *Assembler) Add(p Piece) {
	if a.resourceIndex == nil {
		a.resourceIndex, a.scopeIndex, a.seed = map[uint64]int32{}, map[uint64]int32{}, maphash.MakeSeed()
	}
	if len(a.spans) == 0 || !a.resources[a.resource].is(&p) {
		a.resource = a.findResource(&p)
		a.scope = a.findScope(&p)
	} else if !a.scopes[a.scope].is(&p, a.resource) {
		a.scope = a.findScope(&p)
	}

	index := int32(len(a.spans))
	entry := spanEntry{body: p.Span, traceState: p.TraceState, setTraceState: p.SetTraceState, attributes: p.Attributes, next: none}
	a.spans = append(a.spans, entry)
	group := &a.scopes[a.scope]
	if group.lastSpan == none {
		group.firstSpan = index
	} else {
		a.spans[group.lastSpan].next = index
	}
	group.lastSpan = index
	group.size += recordSize(entry.size())
}

func (g *resourceGroup) is(p *Piece) bool {
	return bytes.Equal(g.resource, p.Resource) && bytes.Equal(g.schemaURL, p.ResourceSchemaURL)
}

func (g *scopeGroup) is(p *Piece, resource int32) bool {
	return g.resource == resource && bytes.Equal(g.scope, p.Scope) && bytes.Equal(g.schemaURL, p.ScopeSchemaURL)
}

func (a *Assembler) findResource(p *Piece) int32 {
	hash := a.hash(p.Resource, p.ResourceSchemaURL)
	if i, found := a.resourceIndex[hash]; found && a.resources[i].is(p) {
		return i
	}
	index := int32(len(a.resources))
	a.resourceIndex[hash] = index
	a.resources = append(a.resources, resourceGroup{
		resource: p.Resource, schemaURL: p.ResourceSchemaURL, firstScope: none, lastScope: none,
	})
	return index
}

// findScope looks for the scope of a piece within the resource of the last piece.
func (a *Assembler) findScope(p *Piece) int32 {
	hash := a.hash(p.Scope, p.ScopeSchemaURL) + uint64(a.resource)*0x9e3779b97f4a7c15
	if i, found := a.scopeIndex[hash]; found && a.scopes[i].is(p, a.resource) {
		return i
	}
	index := int32(len(a.scopes))
	a.scopeIndex[hash] = index
	a.scopes = append(a.scopes, scopeGroup{
		resource: a.resource, scope: p.Scope, schemaURL: p.ScopeSchemaURL, firstSpan: none, lastSpan: none, next: none,
		size: optionalSize(p.Scope) + optionalSize(p.ScopeSchemaURL),
	})
	group := &a.resources[a.resource]
	if group.lastScope == none {
		group.firstScope = index
	} else {
		a.scopes[group.lastScope].next = index
	}
	group.lastScope = index
	return index
}

func (a *Assembler) hash(body, schemaURL []byte) uint64 {
	h := maphash.Bytes(a.seed, body)
	if len(schemaURL) > 0 {
		h = h*31 + maphash.Bytes(a.seed, schemaURL)
	}
	return h
}

// Size returns the number of bytes that AppendTo appends.
func (a *Assembler) Size() int {
	size := 0
	for i := range a.resources {
		g := &a.resources[i]
		g.size = optionalSize(g.resource) + optionalSize(g.schemaURL)
		for s := g.firstScope; s != none; s = a.scopes[s].next {
			g.size += recordSize(a.scopes[s].size)
		}
		size += recordSize(g.size)
	}
	return size
}

// AppendTo appends the request to dst, which it grows at most once.
func (a *Assembler) AppendTo(dst []byte) []byte {
	dst = slices.Grow(dst, a.Size())
	for i := range a.resources {
		g := &a.resources[i]
		dst = appendHeader(dst, 1, g.size)
		dst = appendOptional(dst, 1, g.resource)
		for s := g.firstScope; s != none; s = a.scopes[s].next {
			dst = a.appendScope(dst, &a.scopes[s])
		}
		dst = appendOptional(dst, 3, g.schemaURL)
	}
	return dst
}

func (a *Assembler) appendScope(dst []byte, g *scopeGroup) []byte {
	dst = appendHeader(dst, 2, g.size)
	dst = appendOptional(dst, 1, g.scope)
	for i := g.firstSpan; i != none; i = a.spans[i].next {
		span := &a.spans[i]
		dst = appendHeader(dst, 2, span.size())
		dst = append(dst, span.body...)
		if span.setTraceState { // a field again: the last one counts
			dst = appendHeader(dst, 3, len(span.traceState))
			dst = append(dst, span.traceState...)
		}
		dst = append(dst, span.attributes...)
	}
	return appendOptional(dst, 3, g.schemaURL)
}

func (e *spanEntry) size() int {
	size := len(e.body) + len(e.attributes)
	if e.setTraceState {
		size += recordSize(len(e.traceState))
	}
	return size
}

// recordSize is the size of a field with a one-byte tag and a body of n bytes.
func recordSize(n int) int { return 1 + (bits.Len64(uint64(n)|1)+6)/7 + n }

func optionalSize(body []byte) int {
	if len(body) == 0 {
		return 0
	}
	return recordSize(len(body))
}

func appendHeader(dst []byte, num, n int) []byte {
	return binary.AppendUvarint(append(dst, byte(num<<3|wireLen)), uint64(n))
}

func appendOptional(dst []byte, num int, body []byte) []byte {
	if len(body) == 0 {
		return dst
	}
	return append(appendHeader(dst, num, len(body)), body...)
}
