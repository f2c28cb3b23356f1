package otlpwire

import "github.com/otelcol-slo/otelcol-slo/internal/spanview"

// AttributeReader reads single attributes of spans that [Scan] has accepted. It is used again for span after span.
type AttributeReader struct {
	keys   *spanview.KeyIndex
	values []spanview.Value
	scan   scanner
}

// NewAttributeReader returns a reader of n keys.
func NewAttributeReader(keys *spanview.KeyIndex, n int) *AttributeReader {
	return &AttributeReader{keys: keys, values: make([]spanview.Value, n)}
}

// Read returns the values of the keys in the body of a span, each in its key's slot, as Scan would have. They are valid
// until the next call, and point into the body. Of a body that Scan has not accepted it reads what it can.
func (r *AttributeReader) Read(span []byte) []spanview.Value {
	clear(r.values)
	for pos := 0; pos < len(span); {
		if next := attributes(span, pos, tagAttributes, r.keys, r.values); next > pos {
			pos = next
			continue
		}
		f, err := readField(span, pos, spanMessage)
		if err != nil || f.num == 9 && !r.scan.attribute(span[:f.end], f.start, r.keys, r.values) {
			break
		}
		pos = f.end
	}
	return r.values
}
