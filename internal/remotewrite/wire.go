package remotewrite

import (
	"encoding/binary"
	"math"
	"slices"
)

// Wire types of protobuf. The fields of these messages all have numbers below 16: their tags are one byte.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireLength  = 2
)

// beginField appends the tag of a length-delimited field and room for a length of one byte. It returns the buffer and
// where the field's body begins.
func beginField(buf []byte, field int) (_ []byte, at int) {
	buf = append(buf, byte(field<<3|wireLength), 0)
	return buf, len(buf)
}

// endField writes the length of the field whose body began at a place and goes to the buffer's end. A body whose length
// takes more than a byte is moved.
func endField(buf []byte, at int) []byte {
	n := len(buf) - at
	if n < 1<<7 {
		buf[at-1] = byte(n)
		return buf
	}
	var length [binary.MaxVarintLen64]byte
	more := binary.PutUvarint(length[:], uint64(n)) - 1
	buf = append(buf, length[:more]...)
	copy(buf[at+more:], buf[at:at+n])
	copy(buf[at-1:], length[:more+1])
	return buf
}

// appendField appends the tag and length of a length-delimited field and n bytes for its body; it returns the buffer
// and that body. A generated marshaller that is given it cannot fail: it asked for n bytes, and no field of these
// messages has a marshaller of its own.
func appendField(buf []byte, field, n int) (_, body []byte) {
	buf = append(buf, byte(field<<3|wireLength))
	buf = binary.AppendUvarint(buf, uint64(n))
	buf = slices.Grow(buf, n)
	at := len(buf)
	buf = buf[:at+n]
	return buf, buf[at:]
}

// skipFields returns how many bytes the first n of length-delimited fields take.
func skipFields(buf []byte, n int) int {
	at := 0
	for range n {
		length, size := binary.Uvarint(buf[at+1:])
		at += 1 + size + int(length)
	}
	return at
}

func appendString(buf []byte, field int, s string) []byte {
	buf = append(buf, byte(field<<3|wireLength))
	buf = binary.AppendUvarint(buf, uint64(len(s)))
	return append(buf, s...)
}

// appendVarint appends a field unless it is zero, as generated marshallers do.
func appendVarint(buf []byte, field int, v uint64) []byte {
	if v == 0 {
		return buf
	}
	return binary.AppendUvarint(append(buf, byte(field<<3|wireVarint)), v)
}

// appendDouble appends a field unless it is zero, as generated marshallers do; but -0 is no zero to it: they lose the sign.
func appendDouble(buf []byte, field int, v float64) []byte {
	if math.Float64bits(v) == 0 {
		return buf
	}
	return binary.LittleEndian.AppendUint64(append(buf, byte(field<<3|wireFixed64)), math.Float64bits(v))
}
