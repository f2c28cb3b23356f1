package otlpwire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func TestScanReadsWhatPdataReads(t *testing.T) {
	schema, batch := oracleSchema(), &spanview.Batch{}
	for _, odd := range []float64{0, 0.1, 0.5} {
		var spans, accepted int
		for seed := range uint64(600) {
			g := generator{rng: rand.New(rand.NewPCG(seed, 2)), odd: odd}
			traces, ok := scanLikePdata(t, g.request(), schema, batch)
			if ok {
				accepted++
				spans += traces.SpanCount()
			}
		}
		require.Greater(t, accepted, 350, "odd: %v", odd)
		require.Greater(t, spans, 600, "odd: %v", odd)
	}
}

func TestScanRefusesWhatPdataRefuses(t *testing.T) {
	schema, batch := oracleSchema(), &spanview.Batch{}
	accepted := 0
	for seed := range uint64(2000) {
		g := generator{rng: rand.New(rand.NewPCG(seed, 3)), odd: 0.1, wrong: 0.01}
		if _, ok := scanLikePdata(t, g.request(), schema, batch); ok {
			accepted++
		}
	}
	require.Greater(t, accepted, 200)
	require.Less(t, accepted, 1800)
}

func TestScanReadsTheReferenceRequestInEitherOrder(t *testing.T) {
	schema, batch := referenceSchema(), &spanview.Batch{}
	buf := spantest.ReferenceRequest(7)
	traces, ok := scanLikePdata(t, buf, schema, batch)
	require.True(t, ok)
	same, ok := scanLikePdata(t, ascending(buf, requestMessage), schema, batch)
	require.True(t, ok)
	require.Equal(t, marshal(traces), marshal(same))
}

// fullRequest has every field of every message, small enough to be cut and broken at every byte.
func fullRequest() []byte {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.SetSchemaUrl("r")
	fillAttributes(rs.Resource().Attributes())
	rs.Resource().SetDroppedAttributesCount(1)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.SetSchemaUrl("s")
	ss.Scope().SetName("scope")
	ss.Scope().SetVersion("1")
	ss.Scope().Attributes().PutStr("x", "y")
	ss.Scope().SetDroppedAttributesCount(2)
	for i := range byte(2) {
		span := ss.Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, 2, i})
		span.SetSpanID(pcommon.SpanID{3, i})
		span.SetParentSpanID(pcommon.SpanID{4, i})
		span.TraceState().FromRaw("ot=th:8")
		span.SetFlags(0x301)
		span.SetName(strings.Repeat("n", 127+int(i)))
		span.SetKind(ptrace.SpanKindServer)
		span.SetStartTimestamp(5)
		span.SetEndTimestamp(6)
		fillAttributes(span.Attributes())
		span.SetDroppedAttributesCount(300)
		event := span.Events().AppendEmpty()
		event.SetTimestamp(7)
		event.SetName("event")
		event.Attributes().PutInt("b", 8)
		event.SetDroppedAttributesCount(9)
		span.SetDroppedEventsCount(10)
		link := span.Links().AppendEmpty()
		link.SetTraceID(pcommon.TraceID{11})
		link.SetSpanID(pcommon.SpanID{12})
		link.TraceState().FromRaw("l=1")
		link.Attributes().PutBool("c", true)
		link.SetDroppedAttributesCount(13)
		link.SetFlags(14)
		span.SetDroppedLinksCount(15)
		span.Status().SetCode(ptrace.StatusCodeError)
		span.Status().SetMessage("m")
	}
	return []byte(marshal(traces))
}

func fillAttributes(m pcommon.Map) {
	m.PutStr("a", "text")
	m.PutEmpty("")
	m.PutStr("http.route", strings.Repeat("/", 130))
	m.PutInt("http.response.status_code", -1)
	m.PutDouble("service.name", 1.5)
	m.PutBool("b", true)
	m.PutStr("url.scheme", "https")
	m.PutInt("server.port", 8080)
	m.PutBool("sampled", true)
	m.PutDouble("ratio", 0.5)
	m.PutEmptyBytes("bytes").FromRaw([]byte{0, 1})
	m.PutEmptySlice("slice").AppendEmpty().SetEmptyMap().PutStr("k", "v")
}

func TestARequestCutAnywhereIsReadAsPdataReadsIt(t *testing.T) {
	schema, batch := oracleSchema(), &spanview.Batch{}
	for _, buf := range [][]byte{fullRequest(), ascending(fullRequest(), requestMessage)} {
		_, ok := scanLikePdata(t, buf, schema, batch)
		require.True(t, ok)
		for n := range buf {
			scanLikePdata(t, buf[:n:n], schema, batch)
		}
	}
}

func TestARequestWithAnyByteChangedIsReadAsPdataReadsIt(t *testing.T) {
	schema, batch := oracleSchema(), &spanview.Batch{}
	for _, buf := range [][]byte{fullRequest(), ascending(fullRequest(), requestMessage)} {
		for i := range buf {
			for _, flip := range []byte{1, 2, 4, 7, 8, 0x40, 0x80, 0xff} {
				buf[i] ^= flip
				scanLikePdata(t, buf, schema, batch)
				buf[i] ^= flip
			}
		}
	}
}

// wrap puts a message's body into the messages around it, as field numbers from the outermost in.
func wrap(body []byte, nums ...int) []byte {
	for _, num := range slices.Backward(nums) {
		body = append(appendTestHeader(nil, num, len(body)), body...)
	}
	return body
}

func appendTestHeader(dst []byte, num, n int) []byte {
	g := generator{}
	return g.varint(g.varint(dst, uint64(num)<<3|wireLen), uint64(n))
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestScanAcceptsAndRefuses(t *testing.T) {
	const id16 = "000102030405060708090a0b0c0d0e0f"
	for _, c := range []struct {
		name  string
		span  string // the body of a span, in hex
		cause error  // nil: it is accepted
	}{
		{"an empty span", "", nil},
		{"a trace id of 16 bytes", "0a10" + id16, nil},
		{"an empty trace id, which is zero", "0a00", nil},
		{"a trace id of 15 bytes", "0a0f" + id16[2:], ErrIDLength},
		{"a span id of 8 bytes", "1208" + id16[:16], nil},
		{"an empty span id, which is zero", "1200", nil},
		{"a span id of 7 bytes", "1207" + id16[:14], ErrIDLength},
		{"a parent id of 16 bytes", "2210" + id16, ErrIDLength},
		{"a link's trace id of 8 bytes", "6a0a 0a08" + id16[:16], ErrIDLength},
		{"a name as a number", "2801", ErrWireType},
		{"a kind as text", "3200", ErrWireType},
		{"a kind in ten bytes", "30 8280808080808080807f", nil},
		{"a kind in eleven bytes", "30 8280808080808080808000", ErrVarint},
		{"a kind cut off", "30", ErrTruncated},
		{"a start time cut off", "39 01020304050607", ErrTruncated},
		{"flags of 32 bits", "8501 01000000", nil},
		{"flags cut off", "8501 010000", ErrTruncated},
		{"flags as a number", "8001 01", ErrWireType},
		{"a tag in more bytes than it needs", "aa00 01 6e", nil},
		{"a tag whose number is cut to a known one", "aa8080808001 01 6e", nil},
		{"a tag whose number is cut to zero", "828080808001 00", ErrFieldNumber},
		{"a tag whose number is negative", "8280808040 00", ErrFieldNumber},
		{"field number zero", "0200", ErrFieldNumber},
		{"an unknown number", "a00601", nil},
		{"an unknown text", "a206026869", nil},
		{"an unknown text cut off", "a206036869", ErrTruncated},
		{"an unknown field of no wire type", "a706 00", ErrWireType},
		{"an unknown field of no wire type, at the end", "a706", ErrTruncated},
		{"an empty group with something behind", "a306a406 3001", nil},
		{"an empty group at the end", "a306a406", ErrTruncated},
		{"a group with a field, whose end then is too much", "a306 3001 a406 3001", ErrGroup},
		{"a group with a field and no end", "a306 3001", nil},
		{"a group of another number inside", "a306 ab06 a406 ac06 3001", nil},
		{"a group in the place of a known field", "4b4c 3001", ErrWireType},
		{"the end of a group", "a406 3001", ErrGroup},
		{"a length behind the end", "2a05 6e", ErrTruncated},
		{"a length that is negative", "2a ffffffffffffffffff01 6e", ErrLength},
		{"the greatest length", "2a ffffffffffffffff7f 6e", ErrTruncated},
		{"an attribute with a wrong field", "4a02 1001", ErrWireType},
		{"a bool that is 2", "4a09 0a0162 1204 1002 1002", nil},
		{"a wrong value in an attribute without a key", "4a04 1202 0800", ErrWireType},
		{
			"a long attribute whose bytes, read with short lengths, would be right",
			"4a9601 0a8001" + strings.Repeat("61", 127) + "12 120a 10011001100110011001 00000000000000", ErrFieldNumber,
		},
		{"a wrong field in an event's attribute", "5a06 1a04 1202 0800", ErrWireType},
		{"a wrong field in a status", "7a02 1001", ErrWireType},
	} {
		t.Run(c.name, func(t *testing.T) {
			schema, batch := oracleSchema(), &spanview.Batch{}
			for _, scopeSpans := range []int{2, deprecatedScopeSpans} {
				buf := wrap(unhex(c.span), 1, scopeSpans, 2)
				_, ok := scanLikePdata(t, buf, schema, batch)
				require.Equal(t, c.cause == nil, ok)
				require.ErrorIs(t, Scan(buf, schema, batch), c.cause)
			}
		})
	}
}

func TestAnErrorSaysWhere(t *testing.T) {
	buf := wrap(unhex("0a00 2801"), 1, 2, 2)
	err := Scan(buf, oracleSchema(), &spanview.Batch{})
	require.EqualError(t, err, "cannot read ExportTraceServiceRequest at byte 8: wrong wire type")
	require.ErrorIs(t, err, ErrWireType)
}

func TestValuesMayBeNestedTo128(t *testing.T) {
	nested := func(inner []byte, step func([]byte) []byte, depth int) []byte {
		for range depth - 1 {
			inner = step(inner)
		}
		return inner
	}
	steps := map[string]func([]byte) []byte{
		"arrays": func(v []byte) []byte { return wrap(v, 5, 1) },
		"maps":   func(v []byte) []byte { return wrap(v, 6, 1, 2) },
		"both":   func(v []byte) []byte { return append(wrap(v, 6, 1, 2), wrap(wrap(nil, 1), 5, 1)...) },
	}
	places := map[string][]int{
		"resource": {1, 1, 1, 2}, "scope": {1, 2, 1, 3, 2}, "span": {1, 2, 2, 9, 2}, "event": {1, 2, 2, 11, 3, 2}, "link": {1, 2, 2, 13, 4, 2},
	}
	for stepName, step := range steps {
		for placeName, place := range places {
			t.Run(stepName+" in a "+placeName, func(t *testing.T) {
				schema, batch := oracleSchema(), &spanview.Batch{}
				leaf := unhex("0a0178")
				_, ok := scanLikePdata(t, wrap(nested(leaf, step, 128), place...), schema, batch)
				require.True(t, ok)
				buf := wrap(nested(leaf, step, 129), place...)
				scanLikePdata(t, buf, schema, batch)
				require.ErrorIs(t, Scan(buf, schema, batch), ErrTooDeep)
			})
		}
	}
}

func TestValuesNestedFarTooDeepAreRefused(t *testing.T) {
	// Built from the inside out in one buffer, back to front: wrap would copy it once a level.
	const levels = 1_000_000
	buf := make([]byte, 16*levels)
	at := len(buf)
	put := func(num int) {
		h := appendTestHeader(nil, num, len(buf)-at)
		at -= len(h)
		copy(buf[at:], h)
	}
	for range levels {
		put(1)
		put(5)
	}
	for _, num := range []int{2, 9, 2, 2, 1} {
		put(num)
	}
	require.ErrorIs(t, Scan(buf[at:], oracleSchema(), &spanview.Batch{}), ErrTooDeep)
}

func TestRepeatedMessagesAreMerged(t *testing.T) {
	attribute := func(key, value string) []byte {
		return append(wrap([]byte(key), 1), wrap([]byte(value), 2, 1)...)
	}
	concat := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	span := wrap([]byte("span"), 2, 5)
	scopes := wrap(concat(
		wrap(wrap([]byte("first"), 1), 1), span, wrap(unhex("1200"), 1), wrap(wrap([]byte("last"), 1), 1), span,
	), 2)
	buf := wrap(concat(
		wrap(attribute("a", "1"), 1, 1), scopes, wrap(attribute("a", "2"), 1, 1), scopes, wrap(attribute("b", "3"), 1, 1),
	), 1)

	schema, batch := oracleSchema(), &spanview.Batch{}
	_, ok := scanLikePdata(t, concat(buf, buf), schema, batch)
	require.True(t, ok)
	require.Len(t, batch.Spans, 8)
	require.Len(t, batch.Resources, 2)
	require.NotEmpty(t, batch.Joined)
	slot, err := schema.ResourceSlot("a")
	require.NoError(t, err)
	require.Equal(t, "1", batch.ResourceValue(1, slot).Str)
}

func TestDeprecatedScopeSpansCountOnlyWithoutOthers(t *testing.T) {
	schema, batch := oracleSchema(), &spanview.Batch{}
	old, current := wrap([]byte("old"), deprecatedScopeSpans, 2, 5), wrap([]byte("new"), 2, 2, 5)
	names := func(parts ...[]byte) (names []string) {
		_, ok := scanLikePdata(t, wrap(bytes.Join(parts, nil), 1), schema, batch)
		require.True(t, ok)
		for i := range batch.Spans {
			names = append(names, batch.Spans[i].Name)
		}
		return names
	}
	require.Equal(t, []string{"old", "old"}, names(old, old))
	require.Equal(t, []string{"new"}, names(old, current))
	require.Equal(t, []string{"new", "new"}, names(current, old, current, old))
	require.Equal(t, []string{"new"}, names(old, old, current))
}

func TestJoiningTakesNoMoreThanTheRequest(t *testing.T) {
	// A resource repeated between scopes that repeat theirs: joined anew each time, it would be 100 times the request.
	part := append(wrap(bytes.Repeat([]byte("r"), 100), 1, 1, 1), wrap(wrap([]byte("s"), 1, 1), 2)...)
	buf := wrap(bytes.Repeat(part, 1000), 1)
	batch := &spanview.Batch{}
	require.NoError(t, Scan(buf, oracleSchema(), batch))
	require.NotEmpty(t, batch.Joined)
	require.LessOrEqual(t, len(batch.Joined), len(buf))
}

func TestMoreRowsThanABatchMayHoldAreRefused(t *testing.T) {
	row := func(tag byte, n int) []byte { return bytes.Repeat([]byte{tag<<3 | wireLen, 0}, n) }
	wrap := func(tag byte, body []byte) []byte {
		return append(binary.AppendUvarint([]byte{tag<<3 | wireLen}, uint64(len(body))), body...)
	}
	for name, build := range map[string]func(n int) []byte{
		"resources": func(n int) []byte { return row(1, n) },
		"scopes":    func(n int) []byte { return wrap(1, row(2, n)) },
		"spans":     func(n int) []byte { return wrap(1, wrap(2, row(2, n))) },
	} {
		require.NoError(t, Scan(build(MaxRows), &spanview.Schema{}, &spanview.Batch{}), name)
		require.ErrorIs(t, Scan(build(MaxRows+1), &spanview.Schema{}, &spanview.Batch{}), ErrTooMany, name)
		require.NoError(t, Scan(build(100), &spanview.Schema{}, &spanview.Batch{RowsMax: 100}), name)
		require.ErrorIs(t, Scan(build(101), &spanview.Schema{}, &spanview.Batch{RowsMax: 100}), ErrTooMany, name)
	}
}
