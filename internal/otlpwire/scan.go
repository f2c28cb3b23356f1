package otlpwire

import (
	"math"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// MaxRows bounds the spans, scopes and resources of a request, each: two bytes on the wire make a row of hundreds in a
// batch. A request of 128 MiB of ordinary spans has as many.
const MaxRows = 1 << 18

// Scan reads an ExportTraceServiceRequest into b, which it resets for s. Strings and extents in b point into buf.
//
// It refuses what pdata refuses, values nested deeper than [MaxDepth], requests of more than [MaxRows] or b.RowsMax spans, scopes or
// resources, and requests of 2 GiB or more, with an *[InvalidError]; b is empty then. Scan does not judge what a valid request says: spans may have no trace id, end
// before they start, or be there twice.
func Scan(buf []byte, s *spanview.Schema, b *spanview.Batch) error {
	b.Reset(s)
	if len(buf) > math.MaxInt32 {
		return &InvalidError{0, ErrTooLarge}
	}
	sc := scanner{schema: s, batch: b, size: len(buf), rowsMax: MaxRows}
	if b.RowsMax > 0 {
		sc.rowsMax = min(sc.rowsMax, b.RowsMax)
	}
	if !sc.request(buf) {
		b.Reset(s)
		return &InvalidError{sc.at, sc.cause}
	}
	return nil
}

// scanner reads one request. Its methods return false when they met the first invalid byte.
type scanner struct {
	schema *spanview.Schema
	batch  *spanview.Batch
	size   int // of the request
	// rowsMax bounds the batch's spans, scopes and resources, each.
	rowsMax int

	// Where and why the request is invalid.
	at    int
	cause error

	stack [maxFrames]frame // of check; here, it is cleared once a request
}

// room tells whether there may be one more than n spans, scopes or resources.
func (s *scanner) room(n, at int) bool {
	if n >= s.rowsMax {
		s.at, s.cause = at, ErrTooMany
		return false
	}
	return true
}

// next reads the next field of a message.
func (s *scanner) next(b []byte, pos int, m messageID) (field, bool) {
	f, err := readField(b, pos, m)
	return f, err == nil || s.fail(pos, err)
}

// fail notes where and why the request is invalid.
func (s *scanner) fail(at int, cause error) bool {
	s.at, s.cause = at, cause
	return false
}

func (s *scanner) request(b []byte) bool {
	for pos := 0; pos < len(b); {
		f, ok := s.next(b, pos, requestMessage)
		if !ok || f.num == 1 && !s.resourceSpans(b[:f.end], f.start) {
			return false
		}
		pos = f.end
	}
	return true
}

func (s *scanner) resourceSpans(b []byte, start int) bool {
	if !s.room(len(s.batch.Resources), start) {
		return false
	}
	index := s.batch.AddResource()
	scopes, spans := len(s.batch.Scopes), len(s.batch.Spans)
	var resources, scopeSpans int
	for pos := start; pos < len(b); {
		f, ok := s.next(b, pos, resourceSpansMessage)
		if !ok {
			return false
		}
		switch f.num {
		case 1:
			if !s.resource(b[:f.end], f.start, index) {
				return false
			}
			resources++
			s.batch.Resources[index].Raw = extent(f.start, f.end)
		case 2:
			// The deprecated field counts only where this one is absent.
			if scopeSpans++; scopeSpans == 1 {
				s.batch.Truncate(scopes, spans)
			}
			if !s.scopeSpans(b[:f.end], f.start, index) {
				return false
			}
		case 3:
			s.batch.Resources[index].SchemaURL = extent(f.start, f.end)
		case deprecatedScopeSpans:
			scopes, spans := len(s.batch.Scopes), len(s.batch.Spans)
			if !s.scopeSpans(b[:f.end], f.start, index) {
				return false
			}
			if scopeSpans > 0 {
				s.batch.Truncate(scopes, spans)
			}
		}
		pos = f.end
	}
	if resources > 1 {
		s.batch.Resources[index].Raw = s.join(b, start, resourceSpansMessage)
	}
	return true
}

func (s *scanner) resource(b []byte, pos, index int) bool {
	keys, slots := s.schema.ResourceKeys(), s.batch.ResourceValues(index)
	for pos < len(b) {
		if next := attributes(b, pos, tagResourceAttributes, keys, slots); next > pos {
			pos = next
			continue
		}
		f, ok := s.next(b, pos, resourceMessage)
		if !ok {
			return false
		}
		switch f.num {
		case 1:
			ok = s.attribute(b[:f.end], f.start, keys, slots)
		case 3:
			ok = s.check(b[:f.end], f.start, entityRefMessage, 0)
		}
		if !ok {
			return false
		}
		pos = f.end
	}
	return true
}

func (s *scanner) scopeSpans(b []byte, start, resource int) bool {
	index := len(s.batch.Scopes)
	if !s.room(len(s.batch.Scopes), start) {
		return false
	}
	s.batch.Scopes = append(s.batch.Scopes, spanview.Scope{Resource: int32(resource)})
	scopes := 0
	for pos := start; pos < len(b); {
		if b[pos] == tagSpans {
			if at, end := shortBody(b[pos:]); end > 0 {
				if !s.span(b[:pos+end], pos+at, resource, index) {
					return false
				}
				pos += end
				continue
			}
		}
		f, ok := s.next(b, pos, scopeSpansMessage)
		if !ok {
			return false
		}
		switch f.num {
		case 1:
			if !s.check(b[:f.end], f.start, scopeMessage, 0) {
				return false
			}
			scopes++
			s.batch.Scopes[index].Raw = extent(f.start, f.end)
		case 2:
			if !s.span(b[:f.end], f.start, resource, index) {
				return false
			}
		case 3:
			s.batch.Scopes[index].SchemaURL = extent(f.start, f.end)
		}
		pos = f.end
	}
	if scopes > 1 {
		s.batch.Scopes[index].Raw = s.join(b, start, scopeSpansMessage)
	}
	return true
}

// join puts together the bodies of a message's field 1, its resource or scope. It runs once a message, behind its last
// field, so that a request with many of them costs no more than its length.
func (s *scanner) join(b []byte, pos int, m messageID) spanview.Extent {
	start := len(s.batch.Joined)
	for pos < len(b) {
		f, _ := s.next(b, pos, m) // valid: it was read before
		if f.num == 1 {
			s.batch.Joined = append(s.batch.Joined, b[f.start:f.end]...)
		}
		pos = f.end
	}
	return extent(s.size+start, s.size+len(s.batch.Joined))
}

func extent(start, end int) spanview.Extent {
	return spanview.Extent{Offset: uint32(start), Len: uint32(end - start)}
}
