package load

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// spanPlace says where a span's ids and times lie in an encoded request. parent is 0 where the span has none.
type spanPlace struct {
	traceID, spanID, parent, start, end uint32
}

// The field numbers on the way from ExportTraceServiceRequest to a span's fields.
const (
	fieldResourceSpans = 1
	fieldScopeSpans    = 2
	fieldSpan          = 2
	fieldTraceID       = 1
	fieldSpanID        = 2
	fieldParentSpanID  = 4
	fieldStart         = 7
	fieldEnd           = 8
)

// locate returns the places of all spans of an encoded request, in its order.
func locate(body []byte) ([]spanPlace, error) {
	var places []spanPlace
	err := eachField(body, 0, func(num protowire.Number, _ protowire.Type, at, n int) error {
		if num != fieldResourceSpans {
			return nil
		}
		return eachField(body[at:at+n], at, func(num protowire.Number, _ protowire.Type, at, n int) error {
			if num != fieldScopeSpans {
				return nil
			}
			return eachField(body[at:at+n], at, func(num protowire.Number, _ protowire.Type, at, n int) error {
				if num != fieldSpan {
					return nil
				}
				place, err := locateSpan(body[at:at+n], at)
				places = append(places, place)
				return err
			})
		})
	})
	return places, err
}

func locateSpan(span []byte, base int) (spanPlace, error) {
	var p spanPlace
	err := eachField(span, base, func(num protowire.Number, _ protowire.Type, at, n int) error {
		switch num {
		case fieldTraceID:
			p.traceID = uint32(at)
		case fieldSpanID:
			p.spanID = uint32(at)
		case fieldParentSpanID:
			p.parent = uint32(at)
		case fieldStart:
			p.start = uint32(at)
		case fieldEnd:
			p.end = uint32(at)
		}
		return nil
	})
	if err == nil && (p.traceID == 0 || p.spanID == 0 || p.start == 0 || p.end == 0) {
		err = fmt.Errorf("a span at byte %d lacks an id or a time", base)
	}
	return p, err
}

// eachField calls f for each field of a message with the place of its value: of its contents, where it is length-delimited.
func eachField(msg []byte, base int, f func(num protowire.Number, typ protowire.Type, at, n int) error) error {
	for off := 0; off < len(msg); {
		num, typ, n := protowire.ConsumeTag(msg[off:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		off += n
		size := protowire.ConsumeFieldValue(num, typ, msg[off:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		head := 0
		if typ == protowire.BytesType {
			_, head = protowire.ConsumeVarint(msg[off:])
		}
		if err := f(num, typ, base+off+head, size-head); err != nil {
			return err
		}
		off += size
	}
	return nil
}
