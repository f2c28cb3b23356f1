package spanview

import (
	"encoding/base64"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

func requireText(t *testing.T, want pcommon.Value, v Value) {
	t.Helper()
	require.Equal(t, "before "+want.AsString(), string(v.AppendText([]byte("before "))), "%v", want.AsRaw())
}

func TestTextOfNumbersIsPdatas(t *testing.T) {
	floats := []float64{
		0, math.Copysign(0, -1), 1, -1.5, 1e-6, 9.999999e-7, 1e-7, -1e-10, 1e20, 1e21, -1e21, 1e100, math.MaxFloat64,
		math.SmallestNonzeroFloat64, math.NaN(), math.Inf(1), math.Inf(-1), 123456789.125,
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		floats = append(floats, math.Float64frombits(rng.Uint64()), math.Pow(10, float64(rng.IntN(60)-30))*rng.Float64())
	}
	for _, f := range floats {
		requireText(t, pcommon.NewValueDouble(f), Value{Type: Double, Num: math.Float64bits(f)})
	}
	for _, i := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 200} {
		requireText(t, pcommon.NewValueInt(i), Value{Type: Int, Num: uint64(i)})
	}
	requireText(t, pcommon.NewValueBool(true), Value{Type: Bool, Num: 1})
	requireText(t, pcommon.NewValueBool(false), Value{Type: Bool})
}

func TestTextOfTextAndBytesIsPdatas(t *testing.T) {
	requireText(t, pcommon.NewValueEmpty(), Value{Type: Empty})
	for _, s := range []string{"", "a", "ab", "abc", "abcd", "\"<&>\"\x00\xff", "longer text with spaces"} {
		requireText(t, pcommon.NewValueStr(s), Value{Type: String, Str: s})
		bytes := pcommon.NewValueBytes()
		bytes.Bytes().FromRaw([]byte(s))
		requireText(t, bytes, Value{Type: Bytes, Str: s})
	}
	require.Empty(t, (&Value{}).AppendText(nil), "absent")
}

func TestTextOfArraysAndMapsIsPdatas(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		want := pcommon.NewValueEmpty()
		fillComplex(want, rng, 0)
		requireText(t, want, Value{Type: Complex, Str: anyValueBytes(t, want)})
	}
}

func TestTextOfABrokenArrayIsEmpty(t *testing.T) {
	require.Empty(t, (&Value{Type: Complex, Str: "\x2a\x05"}).AppendText(nil))
}

// fillComplex makes a random array or map; below the top also any other value.
func fillComplex(v pcommon.Value, rng *rand.Rand, depth int) {
	kind := rng.IntN(2)
	if depth > 0 {
		kind = rng.IntN(8)
	}
	if depth > 4 {
		kind = 2 + rng.IntN(6)
	}
	switch kind {
	case 0:
		array := v.SetEmptySlice()
		for range rng.IntN(4) {
			fillComplex(array.AppendEmpty(), rng, depth+1)
		}
	case 1:
		m := v.SetEmptyMap()
		for range rng.IntN(4) {
			fillComplex(m.PutEmpty(string(rune('a'+rng.IntN(26)))+"<&>"), rng, depth+1)
		}
	case 2:
		v.SetStr("text <&> \"\n")
	case 3:
		v.SetBool(true)
	case 4:
		v.SetInt(rng.Int64())
	case 5:
		v.SetDouble([]float64{rng.NormFloat64(), 1e-9, math.Inf(1), 3}[rng.IntN(4)])
	case 6:
		v.SetEmptyBytes().FromRaw([]byte{1, 2, 3})
	}
}

// anyValueBytes returns the wire bytes of a value: pdata marshals them at the end of a request that holds nothing else.
func anyValueBytes(t *testing.T, v pcommon.Value) string {
	traces := ptrace.NewTraces()
	v.CopyTo(traces.ResourceSpans().AppendEmpty().Resource().Attributes().PutEmpty("k"))
	buf, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	require.NoError(t, err)
	// Request, resource, attribute, value: each begins with a tag and a length.
	for range 4 {
		buf = buf[1:]
		for buf[0] >= 0x80 {
			buf = buf[1:]
		}
		buf = buf[1:]
	}
	const key = "\x0a\x01k"
	require.Equal(t, key, string(buf[len(buf)-len(key):]))
	return string(buf[:len(buf)-len(key)])
}

func TestOnlyComplexTextAllocates(t *testing.T) {
	values := []Value{
		{Type: String, Str: "text"},
		{Type: Int, Num: math.MaxUint64},
		{Type: Double, Num: math.Float64bits(1e-7)},
		{Type: Bool},
		{Type: Bytes, Str: base64.StdEncoding.EncodeToString([]byte("bytes"))},
	}
	dst := make([]byte, 0, 100)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range values {
			dst = values[i].AppendText(dst[:0])
		}
	}))
}
