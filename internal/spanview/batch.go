package spanview

import "unsafe"

// Batch is one request, read: its resources, scopes and spans in the order of the request.
type Batch struct {
	Resources []Resource
	Scopes    []Scope
	Spans     []Span

	// Context is the number that the door gave to what it knows of the request beside its bytes; 0: nothing. Set by the engine.
	Context uint32

	// RowsMax is how many spans, scopes and resources a reader may put in, each; 0: as many as the reader's own bound.
	RowsMax int

	// Joined holds the bodies of sub-messages that a request repeated, put together: an Extent at or behind the request's
	// length lies here, at Offset - length. Empty for all but odd requests.
	Joined []byte

	// Values in rows of one width: Schema.SpanSlots() for spans, Schema.ResourceSlots() for resources.
	spanValues     []Value
	resourceValues []Value
	spanWidth      int
	resourceWidth  int
	traits         []Traits
}

// Extent is a range of the request's bytes: a sub-message's body, without its tag and length.
// Extents are empty in a batch that was filled from pdata.
type Extent struct {
	Offset, Len uint32
}

// Resource is one ResourceSpans of the request.
type Resource struct {
	// Raw is the body of the Resource message (where a request repeats it, the bodies joined: that merges them).
	Raw Extent
	// SchemaURL is the body of ResourceSpans.schema_url.
	SchemaURL Extent
	// Service is the number of the service that the resource is of; 0: none. Set by coverage.
	Service uint32
}

// Scope is one ScopeSpans of the request.
type Scope struct {
	// Resource is the index of the scope's resource in Batch.Resources.
	Resource int32
	// Raw is the body of the InstrumentationScope message.
	Raw Extent
	// SchemaURL is the body of ScopeSpans.schema_url.
	SchemaURL Extent
}

// Span is one span of the request. Its attributes are in [Batch.SpanValue].
type Span struct {
	TraceID  [16]byte
	SpanID   [8]byte
	ParentID [8]byte // all zero: the span has no parent

	Start uint64 // Unix nanoseconds
	End   uint64 // Unix nanoseconds; may lie before Start where clocks were set

	Name       string
	TraceState string

	Kind   int32  // OTLP SpanKind, 0 to 5; other numbers are passed on as they came
	Status int32  // OTLP StatusCode: 0 unset, 1 ok, 2 error; other numbers are passed on as they came
	Flags  uint32 // OTLP SpanFlags: bits 0-7 W3C trace flags, bit 8 "has is_remote", bit 9 "parent is remote"

	Resource int32 // index in Batch.Resources
	Scope    int32 // index in Batch.Scopes

	// Raw is the body of the Span message.
	Raw Extent

	// Randomness is 1 + the explicit randomness value (ot=rv) and Threshold 1 + the incoming rejection threshold (ot=th) of
	// the trace state, OTEP 235; 0 where the trace state has none. Set by sampling.
	Randomness uint64
	Threshold  uint64
	// Bits is what sampling's predicates said of this span.
	Bits uint64
	// SLO says what the span means to declared SLOs; set by slo, before sampling.
	SLO SLOFlags
	// Series is the RED series that counted this span, for exemplars; 0: none. Set by red.
	Series uint32
}

// Span statuses and kinds of OTLP that observers branch on.
const (
	StatusUnset = 0
	StatusOK    = 1
	StatusError = 2

	KindUnspecified = 0
	KindInternal    = 1
	KindServer      = 2
	KindClient      = 3
	KindProducer    = 4
	KindConsumer    = 5
)

// SLOFlags are what a span means to the SLOs that are declared.
type SLOFlags uint8

const (
	// SLOBad: the span is a bad event of an SLO.
	SLOBad SLOFlags = 1 << iota
	// SLOBurning: the span is an event, good or bad, of an SLO whose error budget burns.
	SLOBurning
)

// FlagHasIsRemote and FlagIsRemote are the OTLP SpanFlags that tell whether the parent is in another process.
const (
	FlagHasIsRemote = 0x100
	FlagIsRemote    = 0x200
)

// Duration returns End - Start in nanoseconds, 0 where the end lies before the start.
func (s *Span) Duration() uint64 {
	if s.End < s.Start {
		return 0
	}
	return s.End - s.Start
}

// RowBytes is what one more span takes in a batch of a schema, doubled: slices grow by doubling.
func RowBytes(s *Schema) int64 {
	return 2 * (int64(unsafe.Sizeof(Span{})) + int64(s.SpanSlots())*int64(unsafe.Sizeof(Value{})))
}

// Reset empties the batch and shapes its rows for a schema. Capacity is kept; nothing is cleared that AddSpan and
// AddResource clear anyway.
func (b *Batch) Reset(s *Schema) {
	b.Resources = b.Resources[:0]
	b.Scopes = b.Scopes[:0]
	b.Spans = b.Spans[:0]
	b.Joined = b.Joined[:0]
	b.spanValues = b.spanValues[:0]
	b.resourceValues = b.resourceValues[:0]
	b.traits = b.traits[:0]
	b.spanWidth = s.SpanSlots()
	b.resourceWidth = s.ResourceSlots()
}

// AddResource appends an empty resource and returns its index.
func (b *Batch) AddResource() int {
	b.Resources = append(b.Resources, Resource{})
	b.resourceValues = appendRow(b.resourceValues, b.resourceWidth)
	return len(b.Resources) - 1
}

// AddSpan appends an empty span and returns its index. Pointers into Spans are invalid after it.
func (b *Batch) AddSpan() int {
	b.Spans = append(b.Spans, Span{})
	b.spanValues = appendRow(b.spanValues, b.spanWidth)
	return len(b.Spans) - 1
}

// SpanValue returns the value in a span's slot; it is Absent where the span has no such attribute.
func (b *Batch) SpanValue(span int, slot SpanSlot) *Value {
	return &b.spanValues[span*b.spanWidth+int(slot)]
}

// SpanValues returns all slots of a span, in the schema's order.
func (b *Batch) SpanValues(span int) []Value {
	at := span * b.spanWidth
	return b.spanValues[at : at+b.spanWidth : at+b.spanWidth]
}

// ResourceValue returns the value in a resource's slot; it is Absent where the resource has no such attribute.
func (b *Batch) ResourceValue(resource int, slot ResourceSlot) *Value {
	return &b.resourceValues[resource*b.resourceWidth+int(slot)]
}

// ResourceValues returns all slots of a resource, in the schema's order.
func (b *Batch) ResourceValues(resource int) []Value {
	at := resource * b.resourceWidth
	return b.resourceValues[at : at+b.resourceWidth : at+b.resourceWidth]
}

// Truncate takes back all but the first scopes and spans of the batch; its resources stay.
func (b *Batch) Truncate(scopes, spans int) {
	b.Scopes = b.Scopes[:scopes]
	b.Spans = b.Spans[:spans]
	b.spanValues = b.spanValues[:spans*b.spanWidth]
}

// Bytes returns the bytes of an extent; request is what the batch was read from.
func (b *Batch) Bytes(request []byte, e Extent) []byte {
	if at := int(e.Offset); at < len(request) {
		return request[at : at+int(e.Len)]
	}
	at := int(e.Offset) - len(request)
	return b.Joined[at : at+int(e.Len)]
}

func appendRow(rows []Value, width int) []Value {
	n := len(rows)
	if n+width <= cap(rows) {
		rows = rows[:n+width]
		clear(rows[n:])
		return rows
	}
	return append(rows, make([]Value, width)...)
}

// DropZeroTraceIDs removes the spans whose trace id is all zero and returns how many there were.
func (b *Batch) DropZeroTraceIDs() int {
	kept := 0
	for i := range b.Spans {
		if b.Spans[i].TraceID == [16]byte{} {
			continue
		}
		if kept != i {
			b.Spans[kept] = b.Spans[i]
			copy(b.SpanValues(kept), b.SpanValues(i))
		}
		kept++
	}
	dropped := len(b.Spans) - kept
	b.Spans = b.Spans[:kept]
	b.spanValues = b.spanValues[:kept*b.spanWidth]
	return dropped
}
