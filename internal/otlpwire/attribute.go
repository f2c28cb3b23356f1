package otlpwire

import (
	"encoding/binary"
	"unsafe"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// Tags of KeyValue and AnyValue in one byte, as nearly every sender writes them.
const (
	tagKey    = 1<<3 | wireLen
	tagValue  = 2<<3 | wireLen
	tagString = 1<<3 | wireLen
	tagBool   = 2<<3 | wireVarint
	tagInt    = 3<<3 | wireVarint
	tagDouble = 4<<3 | wireFixed64
)

// spanAttribute reads the KeyValue that begins at pos and ends where b ends into the slots of a span.
func (s *scanner) spanAttribute(b []byte, pos int, slots []spanview.Value) bool {
	if key, value, ok := plainAttribute(b[pos:]); ok {
		if v := plainValue(value); v.Type != spanview.Absent {
			store(slots, s.schema.LookupSpan(key), v)
			return true
		}
	}
	key, v, ok := s.attribute(b, pos)
	if ok {
		store(slots, s.schema.LookupSpan(key), v)
	}
	return ok
}

// resourceAttribute is spanAttribute for a resource.
func (s *scanner) resourceAttribute(b []byte, pos int, slots []spanview.Value) bool {
	key, v, ok := s.attribute(b, pos)
	if ok {
		store(slots, s.schema.LookupResource(key), v)
	}
	return ok
}

// store keeps the first value of a key, as a lookup in pdata's attributes finds that one.
func store(slots []spanview.Value, slot int, v spanview.Value) {
	if uint(slot) < uint(len(slots)) && slots[slot].Type == spanview.Absent {
		slots[slot] = v
	}
}

func isPlain(kv []byte) bool {
	_, value, ok := plainAttribute(kv)
	return ok && plainValue(value).Type != spanview.Absent
}

// plainAttribute splits a KeyValue of a usual form: a key and a value with lengths of one or two bytes and nothing else.
// SDKs write the key first, pdata the value. It is not ok with any other, valid or not.
func plainAttribute(kv []byte) (key, value []byte, ok bool) {
	start, end := shortBody(kv)
	if end == 0 {
		return nil, nil, false
	}
	rest := kv[end:]
	start2, end2 := shortBody(rest)
	if end2 == 0 || end2 != len(rest) {
		return nil, nil, false
	}
	switch {
	case kv[0] == tagKey && rest[0] == tagValue:
		return kv[start:end], rest[start2:], true
	case kv[0] == tagValue && rest[0] == tagKey:
		return rest[start2:], kv[start:end], true
	}
	return nil, nil, false
}

// bodyToEnd reads a length of one or two bytes at pos and returns where its body begins if that ends where b ends, else 0.
func bodyToEnd(b []byte, pos int) int {
	n := int(b[pos])
	pos++
	if n >= 0x80 {
		if pos >= len(b) || b[pos] >= 0x80 {
			return 0
		}
		n += int(b[pos])<<7 - 0x80
		pos++
	}
	if n != len(b)-pos {
		return 0
	}
	return pos
}

// plainValue reads an AnyValue that has one field or none and no nested values. It returns an absent value for any
// other, valid or not.
func plainValue(b []byte) (v spanview.Value) {
	if len(b) < 2 {
		if len(b) == 0 {
			v.Type = spanview.Empty
		}
		return v
	}
	switch b[0] {
	case tagString:
		if at := bodyToEnd(b, 1); at > 0 {
			v.Type, v.Str = spanview.String, view(b[at:])
		}
	case tagInt:
		if n, end, err := varint(b, 1); err == nil && end == len(b) {
			v.Type, v.Num = spanview.Int, n
		}
	case tagBool:
		if len(b) == 2 && b[1] < 2 {
			v.Type, v.Num = spanview.Bool, uint64(b[1])
		}
	case tagDouble:
		if len(b) == 9 {
			v.Type, v.Num = spanview.Double, binary.LittleEndian.Uint64(b[1:])
		}
	}
	return v
}

// attribute reads any KeyValue. Of several keys the last counts, several values are merged.
func (s *scanner) attribute(b []byte, pos int) (key []byte, v spanview.Value, ok bool) {
	v.Type = spanview.Empty
	for pos < len(b) {
		f, ok := s.next(b, pos, keyValueMessage)
		if !ok {
			return nil, v, false
		}
		switch f.num {
		case 1:
			key = b[f.start:f.end]
		case 2:
			if !s.anyValue(b[:f.end], f.start, &v) {
				return nil, v, false
			}
		}
		pos = f.end
	}
	return key, v, true
}

// anyValue reads the fields of an AnyValue into v, of which the last counts; without a field v stays as it is.
func (s *scanner) anyValue(b []byte, start int, v *spanview.Value) bool {
	for pos := start; pos < len(b); {
		f, ok := s.next(b, pos, anyValueMessage)
		if !ok {
			return false
		}
		switch f.num {
		case 1:
			*v = spanview.Value{Type: spanview.String, Str: view(b[f.start:f.end])}
		case 2:
			*v = spanview.Value{Type: spanview.Bool, Num: min(f.value, 1)}
		case 3:
			*v = spanview.Value{Type: spanview.Int, Num: f.value}
		case 4:
			*v = spanview.Value{Type: spanview.Double, Num: f.value}
		case 5, 6:
			if !s.check(b[:f.end], f.start, typeOf(anyValueMessage, f.num).message, 1) {
				return false
			}
			*v = spanview.Value{Type: spanview.Complex, Str: view(b[start:])}
		case 7:
			*v = spanview.Value{Type: spanview.Bytes, Str: view(b[f.start:f.end])}
		case 8: // an index into a table of strings that only profiles have: pdata shows it as empty
			*v = spanview.Value{Type: spanview.Empty}
		}
		pos = f.end
	}
	return true
}

// view returns b as a string that aliases it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
