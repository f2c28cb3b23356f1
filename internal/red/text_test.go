package red

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func TestCleanLabels(t *testing.T) {
	long := strings.Repeat("x", textMax)
	for name, c := range map[string]struct{ in, want string }{
		"plain text stays":                        {"GET /café", "GET /café"},
		"the half of a character at the end goes": {"caf\xc3", "caf"},
		"bytes that are no text are replaced":     {"a\xff\xfeb", "a�b"},
		"a replacement character stays":           {"a\xff�", "a��"},
		"long text is cut":                        {long + "y", long},
		"and not in the middle of a character":    {long[1:] + "é", long[1:]},
		"nor grown by what is replaced":           {strings.Repeat("\xffa", textMax/2), strings.Repeat("�a", textMax/4)},
	} {
		assert.Equal(t, c.want, clean(c.in), name)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("caf\xc3")
	f.Add(strings.Repeat("\xf0\x9f\x98", 400))
	f.Fuzz(func(t *testing.T, s string) {
		label := clean(s)
		require.True(t, utf8.ValidString(label))
		require.LessOrEqual(t, len(label), textMax)
		require.Equal(t, label, clean(s + strings.Repeat("z", max(0, textMax-len(s))))[:len(label)], "a label depends on what it starts with")
		if utf8.ValidString(s) && len(s) <= textMax {
			require.Equal(t, s, label)
		}
	})
}

// valueOf reads an attribute's value as a reader does.
func valueOf(tb testing.TB, v pcommon.Value) spanview.Value {
	tb.Helper()
	traces := ptrace.NewTraces()
	span := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1})
	v.CopyTo(span.Attributes().PutEmpty("k"))
	request, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	require.NoError(tb, err)
	schema, batch := &spanview.Schema{}, spanview.Batch{}
	slot, err := schema.SpanSlot("k")
	require.NoError(tb, err)
	require.NoError(tb, otlpwire.Scan(request, schema, &batch))
	return *batch.SpanValue(0, slot)
}

func TestTextIsWhatPdataGives(t *testing.T) {
	for _, raw := range []any{
		"text", "", int64(0), int64(-200), int64(math.MaxInt64), true, false, 0.0, 0.1, 1e21, 1e-7, math.Inf(-1), math.NaN(),
		[]byte{},
		[]byte{0, 255},
		[]any{},
		[]any{"a", int64(1), nil},
		map[string]any{"k": []any{true}, "a": 1.5},
		nil,
	} {
		v := pcommon.NewValueEmpty()
		require.NoError(t, v.FromRaw(raw))
		value := valueOf(t, v)
		assert.Equal(t, v.AsString(), string(appendText(nil, &value)), "%#v", raw)
		m := pcommon.NewMap()
		put(m, "k", &value)
		got, ok := m.Get("k")
		assert.Equal(t, v.AsString() != "", ok, "%#v", raw)
		if ok {
			assert.Equal(t, v.AsString(), got.AsString(), "%#v", raw)
		}
	}
	assert.Empty(t, appendText(nil, &spanview.Value{}))
}

func TestLargeValuesHaveOneLabel(t *testing.T) {
	for _, raw := range []any{[]any{strings.Repeat("x", textMax)}, make([]byte, textMax+1)} {
		v := pcommon.NewValueEmpty()
		require.NoError(t, v.FromRaw(raw))
		value := valueOf(t, v)
		assert.Equal(t, tooLong, string(appendText(nil, &value)))
	}
}

func FuzzComplexText(f *testing.F) {
	f.Add([]byte{0x0a, 1, 'a'})
	f.Add([]byte{0x2a, 4, 0x0a, 2, 0x18, 7})
	f.Add([]byte{0x32, 0xff})
	f.Fuzz(func(t *testing.T, anyValue []byte) {
		if len(anyValue) > textMax {
			return
		}
		v := spanview.Value{Type: spanview.Complex, Str: string(anyValue)}
		require.True(t, utf8.Valid(appendText(nil, &v)))
	})
}
