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

// level says whose attribute is read.
type level bool

const (
	ofResource level = false
	ofSpan     level = true
)

// attribute reads the KeyValue that begins at pos and ends where b ends into the slots of a resource or span.
func (s *scanner) attribute(b []byte, pos int, slots []spanview.Value, of level) bool {
	kv := b[pos:]
	// A shortcut for short attributes: two fields whose lengths have one byte, the second at the end. SDKs write the key
	// first, pdata the value. What does not fit here, valid or not, goes the long way below.
	if n := len(kv); n >= 6 && n < 0x80 {
		second := 2 + int(kv[1])
		if second+2 <= n && second+2+int(kv[second+1]) == n {
			key, value := kv[2:second], kv[second+2:]
			keyTag, valueTag := kv[0], kv[second]
			if keyTag == tagValue {
				key, value = value, key
				keyTag, valueTag = valueTag, keyTag
			}
			if keyTag == tagKey && valueTag == tagValue {
				var v spanview.Value
				if len(value) >= 2 && value[0] == tagString && int(value[1]) == len(value)-2 {
					v.Type, v.Str = spanview.String, view(value[2:])
				} else {
					v = shortNumber(value)
				}
				if v.Type != spanview.Absent {
					if of == ofResource || s.schema.MayWantSpan(key) {
						s.store(key, v, slots, of)
					}
					return true
				}
			}
		}
	}
	key, v, ok := s.keyValue(b, pos)
	if ok {
		s.store(key, v, slots, of)
	}
	return ok
}

// store puts the first value of a key into its slot: a lookup in pdata's attributes finds that one.
func (s *scanner) store(key []byte, v spanview.Value, slots []spanview.Value, of level) {
	slot := 0
	if of == ofSpan {
		slot = s.schema.LookupSpan(key)
	} else {
		slot = s.schema.LookupResource(key)
	}
	if uint(slot) < uint(len(slots)) && slots[slot].Type == spanview.Absent {
		slots[slot] = v
	}
}

// shortNumber reads an AnyValue with one field, a number or a bool. It returns an absent value for any other, valid or not.
func shortNumber(b []byte) (v spanview.Value) {
	if len(b) < 2 {
		return v
	}
	switch b[0] {
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

// keyValue reads any KeyValue. Of several keys the last counts, several values are merged.
func (s *scanner) keyValue(b []byte, pos int) (key []byte, v spanview.Value, ok bool) {
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
