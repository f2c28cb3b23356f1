package translate

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// maxExemplarRunes bounds names and values of an exemplar's labels together (OpenMetrics 1.0, "Exemplars").
const maxExemplarRunes = 128

// exemplars translates the exemplars of a data point, in time order. One without a time has the point's; one without a
// value is left out.
func (t *Translator) exemplars(b *Buffer, in pmetric.ExemplarSlice, timestamp int64) span {
	from := len(b.exemplars)
	for _, e := range in.All() {
		x := remotewrite.Exemplar{Timestamp: milliseconds(e.Timestamp())}
		if x.Timestamp <= 0 {
			x.Timestamp = timestamp
		}
		switch e.ValueType() {
		case pmetric.ExemplarValueTypeInt:
			x.Value = float64(e.IntValue())
		case pmetric.ExemplarValueTypeDouble:
			x.Value = e.DoubleValue()
		default:
			continue
		}
		x.Labels = t.exemplarLabels(b, e)
		b.exemplars = append(b.exemplars, x)
	}
	byTime := func(x, y remotewrite.Exemplar) int { return cmp.Compare(x.Timestamp, y.Timestamp) }
	slices.SortStableFunc(b.exemplars[from:], byTime)
	return span{int32(from), int32(len(b.exemplars))}
}

// copyExemplars copies some, so that they can be put into another order.
func (b *Buffer) copyExemplars(in span) span {
	from := int32(len(b.exemplars))
	b.exemplars = append(b.exemplars, b.exemplars[in.from:in.to]...)
	return span{from, int32(len(b.exemplars))}
}

// exemplarLabels returns the ids of an exemplar's span, and its attributes where both fit.
func (t *Translator) exemplarLabels(b *Buffer, e pmetric.Exemplar) []remotewrite.Label {
	ids := b.exemplarIDs(e)
	if e.FilteredAttributes().Len() == 0 {
		return ids
	}
	labels := make([]remotewrite.Label, 0, 2+e.FilteredAttributes().Len())
	for key, value := range e.FilteredAttributes().All() {
		name, ok := t.labelName(b, key)
		text := value.AsString()
		if ok && text != "" {
			labels = append(labels, remotewrite.Label{Name: name, Value: valid(text)})
		}
	}
	labels = joinSame(labels)
	for _, id := range ids {
		labels = set(labels, id, true)
	}
	if runes(labels) > maxExemplarRunes {
		return ids
	}
	return labels
}

// exemplarIDs returns the ids of an exemplar's span as labels, in the arena.
func (b *Buffer) exemplarIDs(e pmetric.Exemplar) []remotewrite.Label {
	from := len(b.arena)
	if id := e.SpanID(); !id.IsEmpty() {
		b.arena = append(b.arena, remotewrite.Label{Name: otlptranslator.ExemplarSpanIDKey, Value: b.ids.of(id[:])})
	}
	if id := e.TraceID(); !id.IsEmpty() {
		b.arena = append(b.arena, remotewrite.Label{Name: otlptranslator.ExemplarTraceIDKey, Value: b.ids.of(id[:])})
	}
	return b.arena[from:len(b.arena):len(b.arena)]
}

// hexText makes hexadecimal texts of ids, many in one piece of memory, which is not used for others afterwards.
type hexText struct {
	chunk strings.Builder
}

const hexChunk = 4096

func (h *hexText) of(id []byte) string {
	var digits [32]byte
	text := hex.AppendEncode(digits[:0], id)
	if h.chunk.Cap()-h.chunk.Len() < len(text) {
		h.chunk.Reset()
		h.chunk.Grow(hexChunk)
	}
	at := h.chunk.Len()
	_, _ = h.chunk.Write(text)
	return h.chunk.String()[at:]
}

func runes(labels []remotewrite.Label) int {
	n := 0
	for _, l := range labels {
		n += utf8.RuneCountInString(l.Name) + utf8.RuneCountInString(l.Value)
	}
	return n
}

// exemplarsWithin moves the exemplars whose value is in (lower, upper] to the front of some, in their order, and returns
// them and the others.
func (b *Buffer) exemplarsWithin(in span, lower, upper float64) (within, others span) {
	front := in.from
	for i := in.from; i < in.to; i++ {
		if x := b.exemplars[i]; x.Value > lower && x.Value <= upper {
			copy(b.exemplars[front+1:i+1], b.exemplars[front:i])
			b.exemplars[front] = x
			front++
		}
	}
	return span{in.from, front}, span{front, in.to}
}
