package otlpwire

import "encoding/binary"

// An attribute of a span that is written, not read:
//
//	field 9 of Span: KeyValue { 1: key, 2: AnyValue { 1: string | 2: bool | 3: int } }
//
// A span's attributes may stand anywhere in its body, so that these can be put behind it.

// AppendString appends an attribute with a text.
func AppendString(dst []byte, key, value string) []byte {
	dst = appendAttribute(dst, key, recordSize(len(value)))
	dst = appendHeader(dst, 1, len(value))
	return append(dst, value...)
}

// AppendBool appends an attribute that is true or false.
func AppendBool(dst []byte, key string, value bool) []byte {
	dst = appendAttribute(dst, key, 2)
	bit := byte(0)
	if value {
		bit = 1
	}
	return append(dst, 2<<3, bit)
}

// AppendInt appends an attribute with a number.
func AppendInt(dst []byte, key string, value int64) []byte {
	var varint [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(varint[:], uint64(value))
	dst = appendAttribute(dst, key, 1+n)
	dst = append(dst, 3<<3)
	return append(dst, varint[:n]...)
}

// appendAttribute appends everything up to the body of the AnyValue, which is n bytes.
func appendAttribute(dst []byte, key string, n int) []byte {
	dst = appendHeader(dst, 9, recordSize(len(key))+recordSize(n))
	dst = appendHeader(dst, 1, len(key))
	dst = append(dst, key...)
	return appendHeader(dst, 2, n)
}
