package red

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// textMax bounds a label in bytes: the series budget is no bound of memory without it. Longer texts are cut.
const textMax = 1024

// tooLong is the label of an array, map or byte string that takes more than textMax bytes on the wire.
const tooLong = "(too long)"

// clean makes a label of s: at most textMax bytes of valid UTF-8, which Prometheus insists on. SDKs that cut attributes
// at a byte limit do send halves of characters.
func clean(s string) string {
	if len(s) > textMax {
		s = s[:textMax]
	}
	if utf8.ValidString(s) {
		return s
	}
	for range utf8.UTFMax - 1 {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
			break
		}
		s = s[:len(s)-1] // the half of a character at the end
	}
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	for len(s) > textMax {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// appendText appends a value's label, which is what pdata's AsString gives, cleaned. An absent value has none.
func appendText(dst []byte, v *spanview.Value) []byte {
	switch v.Type {
	case spanview.String:
		return append(dst, clean(v.Str)...)
	case spanview.Int:
		return strconv.AppendInt(dst, v.Int(), 10)
	case spanview.Bool:
		return strconv.AppendBool(dst, v.Bool())
	case spanview.Double:
		return append(dst, pcommon.NewValueDouble(v.Double()).AsString()...)
	case spanview.Bytes:
		if len(v.Str) > textMax {
			return append(dst, tooLong...)
		}
		return append(dst, clean(base64.StdEncoding.EncodeToString([]byte(v.Str)))...)
	case spanview.Complex:
		if len(v.Str) > textMax {
			return append(dst, tooLong...)
		}
		return append(dst, clean(complexText(v.Str))...)
	default:
		return dst
	}
}

// put sets an attribute to a value: typed as it came where it is a number or a bool, else as its label. Values without a
// label set nothing, since an empty label is no label to Prometheus.
func put(attributes pcommon.Map, name string, v *spanview.Value) {
	switch v.Type {
	case spanview.Int:
		attributes.PutInt(name, v.Int())
	case spanview.Bool:
		attributes.PutBool(name, v.Bool())
	case spanview.Double:
		attributes.PutDouble(name, v.Double())
	default:
		if text := appendText(nil, v); len(text) > 0 {
			attributes.PutStr(name, string(text))
		}
	}
}

// complexText returns the JSON of an array or map, given the wire bytes of its AnyValue. pdata decodes messages only, so
// the value is wrapped as the one attribute of a resource.
func complexText(anyValue string) string {
	const fieldOneBytes, fieldTwoBytes = 1<<3 | 2, 2<<3 | 2
	wrap := func(tag byte, body []byte) []byte {
		return append(binary.AppendUvarint([]byte{tag}, uint64(len(body))), body...)
	}
	attribute := wrap(fieldTwoBytes, []byte(anyValue))                                  // KeyValue.value
	request := wrap(fieldOneBytes, wrap(fieldOneBytes, wrap(fieldOneBytes, attribute))) // resource_spans.resource.attributes
	traces, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
	if err != nil {
		return ""
	}
	v, _ := traces.ResourceSpans().At(0).Resource().Attributes().Get("")
	return v.AsString()
}
