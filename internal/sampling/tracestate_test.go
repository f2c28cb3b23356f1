package sampling

import (
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

func TestTraceStateOfAKeptSpan(t *testing.T) {
	const half = uint64(1) << 55
	always := tracebuf.Verdict{Keep: true, Known: true}
	halved := tracebuf.Verdict{Keep: true, Known: true, Threshold: half}
	unknown := tracebuf.Verdict{Keep: true}
	f := func(v tracebuf.Verdict, incoming, want string) {
		t.Helper()
		out, changed := AppendTraceState([]byte("before "), incoming, v)
		assert.Equal(t, incoming != want, changed)
		if !changed {
			want = ""
		}
		assert.Equal(t, "before "+want, string(out))
	}

	// set
	f(always, "", "ot=th:0")
	f(halved, "", "ot=th:8")
	f(tracebuf.Verdict{Known: true, Threshold: 1}, "", "ot=th:00000000000001")
	f(tracebuf.Verdict{Known: true, Threshold: never - 1}, "", "ot=th:ffffffffffffff")
	f(tracebuf.Verdict{Known: true, Threshold: 0xfd70a3d70a3d71}, "", "ot=th:fd70a3d70a3d71")
	f(halved, "a=1,b=2", "ot=th:8,a=1,b=2")
	f(halved, "a=1, ot=rv:12345678901234;x:y ,b=2", "ot=rv:12345678901234;th:8;x:y,a=1,b=2")
	// never below the span's own
	f(halved, "ot=th:c", "ot=th:c")
	f(halved, "a=1,ot=th:8;x:y", "a=1,ot=th:8;x:y")
	f(halved, "a=1,ot=th:4;x:y", "ot=th:8;x:y,a=1")
	f(always, "ot=th:4", "ot=th:4")
	// erased where unknown
	f(unknown, "", "")
	f(unknown, "a=1", "a=1")
	f(unknown, "ot=th:8", "")
	f(unknown, "a=1,ot=th:8", "a=1")
	f(unknown, "a=1,ot=th:8;rv:12345678901234", "ot=rv:12345678901234,a=1")
	f(unknown, "ot=rv:12345678901234", "ot=rv:12345678901234")
	// not valid
	f(halved, "not valid", "not valid")
	f(unknown, "ot=th:8;rv:1", "ot=th:8;rv:1")
	f(halved, strings.Repeat("a=1,", 200)+"b=1", strings.Repeat("a=1,", 200)+"b=1")
}

func TestATraceStateThatWouldBecomeTooLongLosesItsThreshold(t *testing.T) {
	full := strings.Repeat("a=1,", 30) + "b=1" // 31 entries
	value := strings.Repeat("x", 200)
	long := "a=" + value + ",b=" + value + ",c=" + value + ",d=" + value + ",e=" + value // 1014 bytes
	precise := tracebuf.Verdict{Keep: true, Known: true, Threshold: never - 1}
	f := func(incoming, want string, changes bool) {
		t.Helper()
		_, err := sampling.NewW3CTraceState(incoming)
		require.NoError(t, err, "the test's own input")
		out, changed := AppendTraceState(nil, incoming, precise)
		assert.Equal(t, changes, changed)
		assert.Equal(t, want, string(out))
	}
	f(full, "", false)
	f(long, "", false)
	f("ot=th:1,"+long, long, true)
	f("ot=th:1;x:"+strings.Repeat("x", 248), "ot=x:"+strings.Repeat("x", 248), true)
	f("a=1,ot=th:1", "ot=th:ffffffffffffff,a=1", true)
}

func TestThresholdsAreWrittenAsPkgSamplingWritesThem(t *testing.T) {
	for shift := range 56 {
		for _, th := range []uint64{1 << shift, 1<<shift - 1, never - 1<<shift, 0xfd70a3d70a3d71 >> shift} {
			want, err := sampling.UnsignedToThreshold(th)
			require.NoError(t, err)
			assert.Equal(t, want.TValue(), string(appendThreshold(nil, th)))
		}
	}
}

// readableWith reports whether the tracestate can be read again once it has the threshold.
func readableWith(t *testing.T, w3c sampling.W3CTraceState, threshold uint64) bool {
	t.Helper()
	th, err := sampling.UnsignedToThreshold(threshold)
	require.NoError(t, err)
	require.NoError(t, w3c.OTelValue().UpdateTValueWithSampling(th))
	var text strings.Builder
	require.NoError(t, w3c.Serialize(&text))
	_, err = sampling.NewW3CTraceState(text.String())
	return err == nil
}

func FuzzAppendTraceState(f *testing.F) {
	for _, seed := range []string{
		"", "ot=th:8", "a=1,ot=rv:12345678901234;th:c;x:y,b=2", "tenant@sys=1, ,ot=th:0", "ot=th:8,ot=rv:12345678901234",
		strings.Repeat("a=1,", 30) + "b=1", "a=" + strings.Repeat("x", 256) + ",ot=x:" + strings.Repeat("y", 254), "ot=th:+8", "=",
	} {
		f.Add(seed, uint64(0), true)
		f.Add(seed, never/3, true)
		f.Add(seed, uint64(0), false)
	}
	f.Fuzz(func(t *testing.T, incoming string, threshold uint64, known bool) {
		v := tracebuf.Verdict{Keep: true, Known: known}
		if known {
			v.Threshold = threshold % never
		}
		out, changed := AppendTraceState([]byte("x"), incoming, v)
		require.Equal(t, byte('x'), out[0])
		before, err := sampling.NewW3CTraceState(incoming)
		if err != nil || !changed {
			require.False(t, changed)
			require.Len(t, out, 1)
		}
		if err != nil {
			return
		}
		after := before
		if changed {
			after, err = sampling.NewW3CTraceState(string(out[1:]))
			require.NoError(t, err, "%q", out)
		}

		// all that is not the threshold is as it was
		require.Equal(t, before.ExtraValues(), after.ExtraValues())
		require.Equal(t, before.OTelValue().ExtraValues(), after.OTelValue().ExtraValues())
		require.Equal(t, before.OTelValue().RValue(), after.OTelValue().RValue())

		own, given := before.OTelValue().TValueThreshold()
		th, told := after.OTelValue().TValueThreshold()
		switch {
		case !known:
			require.False(t, told)
		case told:
			require.Equal(t, max(own.Unsigned(), v.Threshold), th.Unsigned())
		default:
			require.Equal(t, given, changed)
			require.False(t, readableWith(t, before, v.Threshold), "there was room for it")
		}

		again, twice := AppendTraceState(nil, string(out[1:]), v)
		if changed && len(out) > 1 && (told || !known) {
			require.False(t, twice, "%q became %q", out[1:], again)
		}
		mine, _ := readTraceState(incoming)
		if rv, ok := before.OTelValue().RValueRandomness(); ok {
			require.Equal(t, rv.Unsigned()+1, mine)
		}
	})
}
