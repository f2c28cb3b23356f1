package sampling

import (
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"

	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// traceStateRun reads the tracestates of one batch. Spans of a trace share theirs and mostly stand together, so only
// the last one is remembered.
type traceStateRun struct {
	tests []stateTest
	last  string

	// Of the last tracestate: 1 + the explicit randomness and 1 + the threshold, 0 where it has none or is not valid, and
	// the bits of the tests that it passes.
	randomness, threshold uint64
	bits                  uint64
}

// read reads a tracestate that is not empty.
func (t *traceStateRun) read(state string) {
	if state == t.last {
		return
	}
	t.last = state
	t.randomness, t.threshold = readTraceState(state)
	if len(t.tests) > 0 {
		t.bits = testTraceState(t.tests, state)
	}
}

func readTraceState(state string) (randomness, threshold uint64) {
	if !strings.Contains(state, "ot=") {
		return 0, 0
	}
	w3c, err := sampling.NewW3CTraceState(state)
	if err != nil {
		return 0, 0
	}
	if rv, given := w3c.OTelValue().RValueRandomness(); given {
		randomness = 1 + rv.Unsigned()
	}
	if th, given := w3c.OTelValue().TValueThreshold(); given {
		threshold = 1 + th.Unsigned()
	}
	return randomness, threshold
}

// The most that pkg/sampling, and so a receiver of its kind, reads. What would be longer is not written.
const (
	traceStateBytesMax   = 1024
	traceStateEntriesMax = 31
	otelValueBytesMax    = 256
)

// AppendTraceState appends to dst the tracestate of a kept span and reports whether it differs from the incoming one;
// if not, dst comes back as it was. A true with nothing appended means an empty tracestate.
//
// The entry ot=th is set to the verdict's threshold, or to the span's own where that is greater, and moves to the
// front, as W3C asks of a changed entry. It is erased where the verdict is not known, and where the tracestate would
// become too long to be read. Other vendors' entries and other fields of the ot entry are kept. A tracestate that is
// not valid is left alone.
func AppendTraceState(dst []byte, incoming string, v tracebuf.Verdict) ([]byte, bool) {
	if incoming == "" {
		if !v.Known {
			return dst, false
		}
		return appendThreshold(append(dst, "ot=th:"...), v.Threshold), true
	}
	w3c, err := sampling.NewW3CTraceState(incoming)
	if err != nil {
		return dst, false
	}
	ot := w3c.OTelValue()
	own, given := ot.TValueThreshold()
	switch {
	case !v.Known && !given, v.Known && given && own.Unsigned() >= v.Threshold:
		return dst, false
	case !v.Known:
		ot.ClearTValue()
	default:
		th, err := sampling.UnsignedToThreshold(v.Threshold)
		if err != nil || ot.UpdateTValueWithSampling(th) != nil {
			return dst, false
		}
	}
	if out, ok := appendW3C(dst, &w3c); ok {
		return out, true
	}
	if !given {
		return dst, false
	}
	ot.ClearTValue()
	return appendW3C(dst, &w3c)
}

// appendW3C appends the tracestate unless it is longer than can be read again.
func appendW3C(dst []byte, w3c *sampling.W3CTraceState) ([]byte, bool) {
	w := appender{dst}
	if err := w3c.OTelValue().Serialize(&w); err != nil || len(w.b)-len(dst) > otelValueBytesMax {
		return dst, false
	}
	entries := len(w3c.ExtraValues())
	if w3c.OTelValue().HasAnyValue() {
		entries++
	}
	w = appender{dst}
	if err := w3c.Serialize(&w); err != nil || len(w.b)-len(dst) > traceStateBytesMax || entries > traceStateEntriesMax {
		return dst, false
	}
	return w.b, true
}

// appender is an io.StringWriter onto a slice.
type appender struct{ b []byte }

func (a *appender) WriteString(s string) (int, error) {
	a.b = append(a.b, s...)
	return len(s), nil
}

// appendThreshold appends a threshold as OTEP 235 writes it: 14 hexadecimal digits without the trailing zeros, "0" for 0.
func appendThreshold(dst []byte, th uint64) []byte {
	const digits = "0123456789abcdef"
	if th == 0 {
		return append(dst, '0')
	}
	for ; th != 0; th = th << 4 & (never - 1) {
		dst = append(dst, digits[th>>52])
	}
	return dst
}
