package spanview

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// AppendText appends the value as text, the same that pcommon.Value.AsString gives: numbers and truths as they are
// written in JSON (NaN, Infinity and -Infinity as these words), bytes in base64, arrays and maps as JSON. Absent and
// Empty values append nothing. Only a Complex value allocates.
func (v *Value) AppendText(dst []byte) []byte {
	switch v.Type {
	case String:
		return append(dst, v.Str...)
	case Bool:
		return strconv.AppendBool(dst, v.Num != 0)
	case Int:
		return strconv.AppendInt(dst, int64(v.Num), 10)
	case Double:
		return appendDouble(dst, math.Float64frombits(v.Num))
	case Bytes:
		return base64.StdEncoding.AppendEncode(dst, unsafe.Slice(unsafe.StringData(v.Str), len(v.Str)))
	case Complex:
		if decoded, ok := decodeComplex(v.Str); ok {
			return append(dst, decoded.AsString()...)
		}
	}
	return dst
}

// appendDouble writes a number as ECMAScript does: exponents only from 1e21 on and below 1e-6, without leading zeros.
func appendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	abs := math.Abs(f)
	if abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// A negative exponent below ten comes with a leading zero: 1e-07.
	if n := len(dst); dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// decodeComplex decodes an AnyValue through pdata, which offers no decoder but that of a whole request: the value
// becomes the only attribute of its only resource.
func decodeComplex(anyValue string) (pcommon.Value, bool) {
	const (
		valueTag = 2<<3 | 2 // KeyValue.value
		firstTag = 1<<3 | 2 // Resource.attributes, ResourceSpans.resource, ExportTraceServiceRequest.resource_spans
	)
	request := []byte(anyValue)
	for _, tag := range []byte{valueTag, firstTag, firstTag, firstTag} {
		request = append(binary.AppendUvarint([]byte{tag}, uint64(len(request))), request...)
	}
	export := ptraceotlp.NewExportRequest()
	if err := export.UnmarshalProto(request); err != nil {
		return pcommon.Value{}, false
	}
	return export.Traces().ResourceSpans().At(0).Resource().Attributes().Get("")
}
