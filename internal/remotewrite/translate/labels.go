package translate

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// pointLabels makes the labels of a data point, without its name, and leaves them in b.base. It fails where a key
// cannot be escaped.
func (t *Translator) pointLabels(b *Buffer, attrs pcommon.Map) bool {
	b.attrs = b.attrs[:0]
	for key, value := range attrs.All() {
		if !b.resource.promotes(key) {
			b.attrs = b.appendAttribute(b.attrs, key, value)
		}
	}
	b.attrs = append(b.attrs, b.resource.promoted...)
	return t.finishLabels(b, b.overrides)
}

// finishLabels makes b.base of b.attrs: names escaped, keys that become one name joined with ";" in the order of the
// keys, then overrides set and external labels added where there is none.
func (t *Translator) finishLabels(b *Buffer, overrides []remotewrite.Label) bool {
	slices.SortFunc(b.attrs, byName)
	b.base = b.base[:0]
	for _, a := range b.attrs {
		name, ok := t.labelName(b, a.Name)
		if !ok {
			return false
		}
		b.base = append(b.base, remotewrite.Label{Name: name, Value: a.Value})
	}
	b.base = joinSame(b.base)
	for _, l := range overrides {
		b.base = set(b.base, l, true)
	}
	for _, l := range t.external {
		b.base = set(b.base, l, false)
	}
	return true
}

// joinSame sorts labels and joins the values of one name in their order. A value that equals what is there is not
// repeated.
func joinSame(labels []remotewrite.Label) []remotewrite.Label {
	slices.SortStableFunc(labels, byName)
	out := labels[:0]
	for _, l := range labels {
		last := len(out) - 1
		switch {
		case last < 0 || out[last].Name != l.Name:
			out = append(out, l)
		case out[last].Value != l.Value:
			out[last].Value += ";" + l.Value
		}
	}
	return out
}

// set puts a label into sorted ones; where there is one of that name it is replaced if override is set, else kept.
func set(labels []remotewrite.Label, l remotewrite.Label, override bool) []remotewrite.Label {
	at, found := slices.BinarySearchFunc(labels, l, byName)
	switch {
	case !found:
		return slices.Insert(labels, at, l)
	case override:
		labels[at].Value = l.Value
	}
	return labels
}

func (t *Translator) labelName(b *Buffer, key string) (string, bool) {
	if n, known := b.names[key]; known {
		return n.name, n.ok
	}
	name, err := t.labels.Build(valid(key))
	n := labelName{name: name, ok: err == nil}
	if len(b.names) <= maxRemembered {
		b.names[strings.Clone(key)] = n
	}
	return n.name, n.ok
}

// appendAttribute appends an attribute unless its value is empty: to Prometheus that is none.
func (b *Buffer) appendAttribute(dst []remotewrite.Label, key string, value pcommon.Value) []remotewrite.Label {
	if v := b.text(value); v != "" {
		dst = append(dst, remotewrite.Label{Name: key, Value: valid(v)})
	}
	return dst
}

// text returns an attribute's value as text. Integers are few, and the same every time: codes of status, mostly.
func (b *Buffer) text(value pcommon.Value) string {
	if value.Type() != pcommon.ValueTypeInt {
		return value.AsString()
	}
	s, ok := b.integers[value.Int()]
	if !ok {
		s = value.AsString()
		if len(b.integers) <= maxRemembered {
			b.integers[value.Int()] = s
		}
	}
	return s
}

const separator = 0xff // occurs in no valid UTF-8

// seriesKey is a hash of the family and the labels in b.base, the same for ever. It leaves out what tells the series
// of one data point apart, so that they are sent together.
func (b *Buffer) seriesKey(family string) uint64 {
	text := append(b.keyText[:0], family...)
	for i := range b.base {
		text = append(append(text, separator), b.base[i].Name...)
		text = append(append(text, separator), b.base[i].Value...)
	}
	b.keyText = text
	return xxhash.Sum64(text)
}
