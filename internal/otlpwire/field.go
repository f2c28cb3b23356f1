package otlpwire

import "encoding/binary"

// Wire types of protobuf.
const (
	wireVarint     = 0
	wireFixed64    = 1
	wireLen        = 2
	wireStartGroup = 3
	wireEndGroup   = 4
	wireFixed32    = 5
)

// field is one field of a message.
type field struct {
	num   int    // its number; 0: the message has no such field
	value uint64 // of a number, fixed64 or fixed32
	start int    // where its body begins, for fields with a length
	end   int    // where its body ends and the next field begins
}

// readField reads the field of message m that begins at pos, and checks everything about it but the inside of a
// sub-message. The message ends where b ends: positions count from the start of the request at every level.
func readField(b []byte, pos int, m messageID) (field, error) {
	tag, pos, err := varint(b, pos)
	if err != nil {
		return field{}, err
	}
	// A tag longer than 32 bits is cut, not refused: it may stand for a known field.
	num, wire := int32(tag>>3), uint8(tag&7)
	if num <= 0 {
		return field{}, ErrFieldNumber
	}
	k := typeOf(m, int(num)).kind
	if k == unknown {
		end, err := skip(b, pos, wire)
		return field{end: end}, err
	}
	if wire != wireTypes[k] {
		return field{}, ErrWireType
	}
	f := field{num: int(num)}
	switch k {
	case number:
		f.value, f.end, err = varint(b, pos)
	case fixed64:
		f.value, f.end, err = readFixed64(b, pos)
	case fixed32:
		f.value, f.end, err = readFixed32(b, pos)
	default:
		f.start, f.end, err = body(b, pos)
		if n := f.end - f.start; n != 0 && (k == traceID && n != 16 || k == spanID && n != 8) {
			return field{}, ErrIDLength
		}
	}
	return f, err
}

// typeOf returns the definition of a field of a message.
func typeOf(m messageID, num int) fieldType {
	if fields := messages[m]; num < len(fields) {
		return fields[num]
	}
	return fieldType{}
}

// varint reads a number of up to ten bytes; bits beyond the 64th are dropped.
func varint(b []byte, pos int) (value uint64, next int, err error) {
	for shift := 0; shift < 64; shift += 7 {
		if pos >= len(b) {
			return 0, 0, ErrTruncated
		}
		c := b[pos]
		pos++
		value |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return value, pos, nil
		}
	}
	return 0, 0, ErrVarint
}

func readFixed64(b []byte, pos int) (value uint64, next int, err error) {
	if len(b)-pos < 8 {
		return 0, 0, ErrTruncated
	}
	return binary.LittleEndian.Uint64(b[pos:]), pos + 8, nil
}

func readFixed32(b []byte, pos int) (value uint64, next int, err error) {
	if len(b)-pos < 4 {
		return 0, 0, ErrTruncated
	}
	return uint64(binary.LittleEndian.Uint32(b[pos:])), pos + 4, nil
}

// body reads a length and returns where the body behind it begins and ends.
func body(b []byte, pos int) (start, end int, err error) {
	n, start, err := varint(b, pos)
	switch {
	case err != nil:
		return 0, 0, err
	case int64(n) < 0:
		return 0, 0, ErrLength
	case n > uint64(len(b)-start):
		return 0, 0, ErrTruncated
	}
	return start, start + int(n), nil
}

// skip returns where an unknown field ends whose value begins at pos.
//
// Groups are read as pdata reads them, which is not how protobuf defines them: a group is over with its first field that
// is not a group itself, and one that ends where its message ends is refused.
func skip(b []byte, pos int, wire uint8) (end int, err error) {
	for depth := 0; pos < len(b); {
		switch wire {
		case wireVarint:
			_, end, err = varint(b, pos)
			return end, err
		case wireFixed64:
			_, end, err = readFixed64(b, pos)
			return end, err
		case wireLen:
			_, end, err = body(b, pos)
			return end, err
		case wireFixed32:
			_, end, err = readFixed32(b, pos)
			return end, err
		case wireStartGroup:
			depth++
		case wireEndGroup:
			if depth == 0 {
				return 0, ErrGroup
			}
			if depth--; depth == 0 {
				return pos, nil
			}
		default:
			return 0, ErrWireType
		}
		var tag uint64
		if tag, pos, err = varint(b, pos); err != nil {
			return 0, err
		}
		if int32(tag>>3) <= 0 {
			return 0, ErrFieldNumber
		}
		wire = uint8(tag & 7)
	}
	return 0, ErrTruncated
}
