package red

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// A key starts with its kind, so that keys of different kinds are never equal.
const (
	// keyRaw: the values as they came, built for every span. One raw key leads to one series; several may lead to the same
	// (the number 200 and the text "200").
	keyRaw byte = iota
	// keyRawResource: the part of a raw key that is the resource's. It has an entry of its own in a table, and raw keys
	// have the entry's number in its place, or, where the table has too many, keyRawResource and the part itself.
	keyRawResource
	// keySeries: the label texts, built when a raw key is first seen. The same labels are the same series.
	keySeries
	// keyOverflow: a service, or nothing.
	keyOverflow
)

// A raw value is two bytes, its length (up to rawLong) and above it its type, and then its text or number.
const (
	rawTypeShift = 12
	rawLong      = 1<<rawTypeShift - 1
	rawMax       = 2 + textMax
)

// appendRawResource appends what a resource adds to raw keys.
func (f *family) appendRawResource(key []byte, resource []spanview.Value) []byte {
	id := f.identity
	key = append(key, keyRawResource)
	key = appendRaw(key, &resource[id.namespace])
	key = appendRaw(key, &resource[id.name])
	key = appendRaw(key, id.environmentOf(resource))
	for i := range id.keys {
		key = appendRaw(key, &resource[id.keys[i].slot])
	}
	for i := range f.dims {
		key = appendRaw(key, &resource[f.dims[i].resource])
	}
	return key
}

// appendRawSpan appends what a span adds to its raw key. A dimension that the span has not is told by the resource.
func (f *family) appendRawSpan(key []byte, s *spanview.Span, values []spanview.Value) []byte {
	var kind, status byte
	if f.spanKind {
		kind = kindIndex(s.Kind)
	}
	if f.statusCode {
		status = statusIndex(s.Status)
	}
	// Room for all of it first, so that it is not asked for with each value. The scratch has it after the first span.
	key = slices.Grow(key, 1+(1+len(f.slots))*rawMax)
	at := len(key)
	key = key[:cap(key)]
	key[at] = kind<<4 | status
	at++
	if f.spanName {
		at = putRawText(key, at, s.Name)
	}
	for _, slot := range f.slots {
		if v := &values[slot]; v.Type == spanview.String {
			at = putRawText(key, at, v.Str)
		} else {
			at = len(appendRaw(key[:at], v))
		}
	}
	return key[:at]
}

// putRawText does what appendRawText does with a text, where there is room for it, and returns where it ends. It reads
// and writes memory by itself: a call and the checks of bounds would take longer than the one or two words from the
// beginning of a short text, and as many up to its end, which overlap.
func putRawText(key []byte, at int, s string) int {
	n := min(len(s), textMax)
	_ = key[at+1+textMax]
	to, from := unsafe.Add(unsafe.Pointer(unsafe.SliceData(key)), at), unsafe.Pointer(unsafe.StringData(s))
	*(*uint16)(to) = uint16(spanview.String)<<rawTypeShift | uint16(n)
	to = unsafe.Add(to, 2)
	switch {
	case n > 32 || n < 4:
		copy(key[at+2:], s[:n])
	case n >= 16:
		*(*[16]byte)(to) = *(*[16]byte)(from)
		*(*[16]byte)(unsafe.Add(to, n-16)) = *(*[16]byte)(unsafe.Add(from, n-16))
	case n >= 8:
		*(*[8]byte)(to) = *(*[8]byte)(from)
		*(*[8]byte)(unsafe.Add(to, n-8)) = *(*[8]byte)(unsafe.Add(from, n-8))
	default:
		*(*[4]byte)(to) = *(*[4]byte)(from)
		*(*[4]byte)(unsafe.Add(to, n-4)) = *(*[4]byte)(unsafe.Add(from, n-4))
	}
	return at + 2 + n
}

func appendRaw(key []byte, v *spanview.Value) []byte {
	switch v.Type {
	case spanview.String:
		return appendRawText(key, v.Str, spanview.String)
	case spanview.Absent, spanview.Empty:
		return append(key, 0, byte(v.Type)<<(rawTypeShift-8))
	case spanview.Int, spanview.Bool, spanview.Double:
		key = append(key, 8, byte(v.Type)<<(rawTypeShift-8))
		return binary.LittleEndian.AppendUint64(key, v.Num)
	default: // their label is not told by their first bytes, so they are whole or none
		if len(v.Str) > textMax {
			return append(key, rawLong&0xff, byte(v.Type)<<(rawTypeShift-8)|rawLong>>8)
		}
		return appendRawText(key, v.Str, v.Type)
	}
}

// appendRawText appends what the label of a text depends on: its first textMax bytes.
func appendRawText(key []byte, s string, t spanview.ValueType) []byte {
	if len(s) > textMax {
		s = s[:textMax]
	}
	key = append(key, byte(len(s)), byte(t)<<(rawTypeShift-8)|byte(len(s)>>8))
	return append(key, s...)
}

// seriesKey is a series' identity.
type seriesKey struct {
	key []byte
	// service and resource are the lengths of the key's beginnings that identify those.
	service, resource int
}

// build makes the identity of a span's series, in the memory of the one before.
func (k *seriesKey) build(f *family, b *spanview.Batch, span int) {
	s := &b.Spans[span]
	values, resource := b.SpanValues(span), b.ResourceValues(int(s.Resource))
	id := f.identity
	key := append(k.key[:0], keySeries)
	key = appendLabel(key, &resource[id.namespace])
	key = appendLabelText(key, id.serviceOf(resource))
	k.service = len(key)
	key = appendLabel(key, id.environmentOf(resource))
	for i := range id.keys {
		key = appendLabel(key, &resource[id.keys[i].slot])
	}
	k.resource = len(key)
	var kind, status byte
	if f.spanKind {
		kind = kindIndex(s.Kind)
	}
	if f.statusCode {
		status = statusIndex(s.Status)
	}
	key = append(key, byte(f.index), kind, status)
	if f.spanName {
		key = appendLabelText(key, clean(s.Name))
	}
	for i := range f.dims {
		key = appendLabel(key, f.dims[i].value(values, resource))
	}
	k.key = key
}

// serviceNames reads the beginning of a key that identifies a service. The texts alias it.
func serviceNames(key string) (namespace, name string) {
	key = key[1:]
	namespace, key = cutLabel(key)
	name, _ = cutLabel(key)
	return namespace, name
}

func cutLabel(key string) (label, rest string) {
	size := int(key[0]) | int(key[1])<<8
	return key[2 : 2+size], key[2+size:]
}

// appendLabel appends a label with its length, so that no two lists of labels give the same bytes.
func appendLabel(key []byte, v *spanview.Value) []byte {
	at := len(key)
	key = appendText(append(key, 0, 0), v)
	binary.LittleEndian.PutUint16(key[at:], uint16(len(key)-at-2))
	return key
}

func appendLabelText(key []byte, s string) []byte {
	key = binary.LittleEndian.AppendUint16(key, uint16(len(s)))
	return append(key, s...)
}
