package otlpwire

import (
	"encoding/binary"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// Tags of ScopeSpans, Resource and Span in one byte, as nearly every sender writes them.
const (
	tagSpans              = 2<<3 | wireLen
	tagResourceAttributes = 1<<3 | wireLen

	tagTraceID    = 1<<3 | wireLen
	tagSpanID     = 2<<3 | wireLen
	tagParentID   = 4<<3 | wireLen
	tagName       = 5<<3 | wireLen
	tagKind       = 6<<3 | wireVarint
	tagStart      = 7<<3 | wireFixed64
	tagEnd        = 8<<3 | wireFixed64
	tagAttributes = 9<<3 | wireLen
	tagStatus     = 15<<3 | wireLen
)

// tagFlags is the tag of Span.flags, in two bytes.
const tagFlags0, tagFlags1 = 16<<3&0x7f | wireFixed32 | 0x80, 16 >> 4

// span reads the span that begins at start and ends where b ends. Each case is a shortcut for the usual encoding of a
// field; what is encoded otherwise, or does not fit, goes to spanField.
func (s *scanner) span(b []byte, start, resource, scope int) bool {
	span, slots := s.addSpan(start, len(b), resource, scope)
	if span == nil {
		return false
	}
	for pos := start; pos < len(b); {
		rest := b[pos:]
		switch rest[0] {
		case tagAttributes:
			if next, ok := s.attributes(b, pos, slots); !ok {
				return false
			} else if next > pos {
				pos = next
				continue
			}
		case tagTraceID:
			if len(rest) >= 18 && rest[1] == 16 {
				span.TraceID, pos = [16]byte(rest[2:]), pos+18
				continue
			}
		case tagSpanID:
			if len(rest) >= 10 && rest[1] == 8 {
				span.SpanID, pos = [8]byte(rest[2:]), pos+10
				continue
			}
		case tagParentID:
			if len(rest) >= 10 && rest[1] == 8 {
				span.ParentID, pos = [8]byte(rest[2:]), pos+10
				continue
			}
		case tagKind:
			if len(rest) >= 2 && rest[1] < 0x80 {
				span.Kind, pos = int32(rest[1]), pos+2
				continue
			}
		case tagName:
			if at, end := shortBody(rest); end > 0 {
				span.Name, pos = view(rest[at:end]), pos+end
				continue
			}
		case tagStart:
			if len(rest) >= 9 {
				span.Start, pos = binary.LittleEndian.Uint64(rest[1:]), pos+9
				continue
			}
		case tagEnd:
			if len(rest) >= 9 {
				span.End, pos = binary.LittleEndian.Uint64(rest[1:]), pos+9
				continue
			}
		case tagStatus:
			if len(rest) >= 2 && rest[1] == 0 {
				pos += 2
				continue
			}
		case tagFlags0:
			if len(rest) >= 6 && rest[1] == tagFlags1 {
				span.Flags, pos = binary.LittleEndian.Uint32(rest[2:]), pos+6
				continue
			}
		}
		f, ok := s.next(b, pos, spanMessage)
		if !ok || !s.spanField(b[:f.end], f, span, slots) {
			return false
		}
		pos = f.end
	}
	return true
}

// attributes reads attributes of a span from pos on and returns where it stopped; that is pos itself where the first has
// an unusual tag or length.
func (s *scanner) attributes(b []byte, pos int, slots []spanview.Value) (next int, ok bool) {
	keys := s.schema.SpanKeys()
	if next = attributes(b, pos, tagAttributes, keys, slots); next > pos {
		return next, true
	}
	at, end := shortBody(b[pos:])
	return pos + end, end == 0 || s.attribute(b[:pos+end], pos+at, keys, slots)
}

// addSpan adds a row for the span in [start, end), nil where the batch has too many.
func (s *scanner) addSpan(start, end, resource, scope int) (*spanview.Span, []spanview.Value) {
	if !s.room(len(s.batch.Spans), start) {
		return nil, nil
	}
	index := s.batch.AddSpan()
	span := &s.batch.Spans[index]
	span.Resource, span.Scope, span.Raw = int32(resource), int32(scope), extent(start, end)
	return span, s.batch.SpanValues(index)
}

// shortBody returns where the body of the field at the start of b begins and ends if its tag has one byte and its length
// one or two; it returns 0, 0 otherwise, and where the body does not fit.
func shortBody(b []byte) (start, end int) {
	if len(b) < 3 {
		return 0, 0
	}
	n := int(b[1])
	start = 2
	if n >= 0x80 {
		if b[2] >= 0x80 {
			return 0, 0
		}
		n += int(b[2])<<7 - 0x80
		start = 3
	}
	if end = start + n; end > len(b) {
		return 0, 0
	}
	return start, end
}

// spanField stores a field of a span, or validates it.
func (s *scanner) spanField(b []byte, f field, span *spanview.Span, slots []spanview.Value) bool {
	switch f.num {
	case 1:
		span.TraceID = [16]byte{}
		copy(span.TraceID[:], b[f.start:])
	case 2:
		span.SpanID = [8]byte{}
		copy(span.SpanID[:], b[f.start:])
	case 3:
		span.TraceState = view(b[f.start:])
	case 4:
		span.ParentID = [8]byte{}
		copy(span.ParentID[:], b[f.start:])
	case 5:
		span.Name = view(b[f.start:])
	case 6:
		span.Kind = int32(f.value)
	case 7:
		span.Start = f.value
	case 8:
		span.End = f.value
	case 9:
		return s.attribute(b, f.start, s.schema.SpanKeys(), slots)
	case 11, 13:
		return s.check(b, f.start, typeOf(spanMessage, f.num).message, 0)
	case 15:
		return s.status(b, f.start, span)
	case 16:
		span.Flags = uint32(f.value)
	}
	return true
}

func (s *scanner) status(b []byte, pos int, span *spanview.Span) bool {
	for pos < len(b) {
		f, ok := s.next(b, pos, statusMessage)
		if !ok {
			return false
		}
		if f.num == 3 {
			span.Status = int32(f.value)
		}
		pos = f.end
	}
	return true
}
