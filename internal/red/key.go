package red

import (
	"encoding/binary"

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
	key = append(key, kind<<4|status)
	if f.spanName {
		key = appendRawText(key, s.Name, spanview.String)
	}
	for _, slot := range f.slots {
		key = appendRaw(key, &values[slot])
	}
	return key
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
