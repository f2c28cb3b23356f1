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

// attributes reads the attributes that begin at pos, one after the other, as long as each is written as most are: a tag of
// one byte, lengths below 128, a key of four bytes or more and a value with one field, text or number. SDKs write the key
// first, pdata the value. It returns where it stopped: what begins there, valid or not, goes the long way.
//
// It reads memory by itself, since half of its time would be checks of bounds otherwise: an attribute is looked into only
// once it is known to end within b, and both of its fields within it.
func attributes(b []byte, pos int, tag byte, keys *spanview.KeyIndex, slots []spanview.Value) int {
	base := unsafe.Pointer(unsafe.SliceData(b))
	for pos+8 <= len(b) {
		head := *(*uint32)(unsafe.Add(base, pos)) // the attribute's tag and length, those of its first field
		end := pos + 2 + int(head>>8&0x7f)
		second := pos + 4 + int(head>>24)
		if head&0x80ff != uint32(tag) || end > len(b) || second+2 > end {
			return pos
		}
		next := uint32(*(*uint16)(unsafe.Add(base, second))) // the tag and length of its second field
		if second+2+int(next>>8) != end {
			return pos
		}
		var keyEnd, keySize, value, size int
		switch head>>16&0xff | next<<8&0xff00 {
		case tagValue | tagKey<<8:
			keyEnd, keySize, value, size = end, int(next>>8), pos+4, int(head>>24)
		case tagKey | tagValue<<8:
			keyEnd, keySize, value, size = second, int(head>>24), second+2, int(next>>8)
		default:
			return pos
		}
		if keySize < spanview.KeyTailSize || size < 2 {
			return pos
		}
		field := int(*(*uint16)(unsafe.Add(base, value)))
		if field != tagString|(size-2)<<8 && !isShortNumber(b[value:value+size]) {
			return pos
		}
		tail := *(*uint32)(unsafe.Add(base, keyEnd-spanview.KeyTailSize))
		if chain := keys.Chain(tail, keySize); chain != 0 {
			slot := keys.Find(chain, b[keyEnd-keySize:keyEnd])
			storeShort(slots, slot, b[value:value+size])
		}
		pos = end
	}
	return pos
}

// isShortNumber reports whether an AnyValue of two bytes or more has one field, a number or bool, written as most are.
func isShortNumber(value []byte) bool {
	switch value[0] {
	case tagInt:
		if len(value) > 10 { // longer ones are read differently
			return false
		}
		last := len(value) - 1
		for _, c := range value[1:last] {
			if c < 0x80 {
				return false
			}
		}
		return value[last] < 0x80
	case tagBool:
		return len(value) == 2 && value[1] < 0x80
	case tagDouble:
		return len(value) == 9
	}
	return false
}

// storeShort puts a value that has one field, a short text or what isShortNumber holds for, into a slot, if there is one
// and it is free.
func storeShort(slots []spanview.Value, slot int, value []byte) {
	if uint(slot) >= uint(len(slots)) || slots[slot].Type != spanview.Absent {
		return
	}
	v := &slots[slot]
	switch value[0] {
	case tagString:
		v.Type, v.Str = spanview.String, view(value[2:])
	case tagInt:
		v.Type = spanview.Int
		v.Num, _, _ = varint(value, 1)
	case tagBool:
		v.Type, v.Num = spanview.Bool, uint64(min(value[1], 1))
	case tagDouble:
		v.Type, v.Num = spanview.Double, binary.LittleEndian.Uint64(value[1:])
	}
}

// attribute reads any KeyValue that begins at pos and ends where b ends into the slots of a resource or span. The first
// value of a key counts: a lookup in pdata's attributes finds that one.
func (s *scanner) attribute(b []byte, pos int, keys *spanview.KeyIndex, slots []spanview.Value) bool {
	key, value, ok := longText(b[pos:])
	v := spanview.Value{Type: spanview.String, Str: view(value)}
	if !ok {
		if key, v, ok = s.keyValue(b, pos); !ok {
			return false
		}
	}
	if slot := keys.Lookup(key); uint(slot) < uint(len(slots)) && slots[slot].Type == spanview.Absent {
		slots[slot] = v
	}
	return true
}

// longText reads a KeyValue of two fields, the key and a text, none of which has 16 KiB. It is a shortcut for statements,
// URLs and stack traces; ok is false for what is encoded otherwise, valid or not.
func longText(kv []byte) (key, text []byte, ok bool) {
	at, end := shortBody(kv)
	if end == 0 {
		return nil, nil, false
	}
	at2, end2 := shortBody(kv[end:])
	if end2 == 0 || end+end2 != len(kv) {
		return nil, nil, false
	}
	key, value := kv[at:end], kv[end+at2:]
	switch {
	case kv[0] == tagKey && kv[end] == tagValue:
	case kv[0] == tagValue && kv[end] == tagKey:
		key, value = value, key
	default:
		return nil, nil, false
	}
	at, end = shortBody(value)
	if end == 0 || end != len(value) || value[0] != tagString {
		return nil, nil, false
	}
	return key, value[at:], true
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
