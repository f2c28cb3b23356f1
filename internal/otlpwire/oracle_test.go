package otlpwire

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// oracleKeys are the attribute keys that the tests want at both levels; generated requests use them and others.
var oracleKeys = []string{"", "a", "b", "http.route", "http.response.status_code", "service.name"}

func oracleSchema() *spanview.Schema {
	s := &spanview.Schema{}
	for i := range oracleKeys {
		if _, err := s.SpanSlot(oracleKeys[i]); err != nil {
			panic(err)
		}
		// The other way round, so that a slot of the wrong level shows.
		if _, err := s.ResourceSlot(oracleKeys[len(oracleKeys)-1-i]); err != nil {
			panic(err)
		}
	}
	return s
}

// maxOracleBytes bounds what the oracle decodes where values are nested too deep for Scan: pdata recurses, and ends the
// process on tens of megabytes of them.
const maxOracleBytes = 1 << 20

// scanLikePdata scans buf, decodes it with pdata, and fails the test where the two differ. It returns false where both
// refuse it.
func scanLikePdata(t testing.TB, buf []byte, schema *spanview.Schema, batch *spanview.Batch) (ptrace.Traces, bool) {
	t.Helper()
	err := Scan(buf, schema, batch)
	if errors.Is(err, ErrTooDeep) && len(buf) > maxOracleBytes {
		return ptrace.Traces{}, false
	}
	export := ptraceotlp.NewExportRequest()
	oracleErr := export.UnmarshalProto(slices.Clone(buf))
	if err != nil {
		requireRefusal(t, err, len(buf), batch)
	}
	switch {
	case errors.Is(err, ErrTooDeep) && oracleErr == nil:
		require.Greater(t, depthOf(buf, requestMessage), MaxDepth, "refused as too deep")
		return ptrace.Traces{}, false
	case errors.Is(err, ErrTooDeep):
		return ptrace.Traces{}, false
	case oracleErr != nil:
		require.Error(t, err, "pdata says: %v", oracleErr)
		return ptrace.Traces{}, false
	}
	require.NoError(t, err)
	require.LessOrEqual(t, depthOf(buf, requestMessage), MaxDepth)
	requireSameBatch(t, export.Traces(), buf, schema, batch)
	return export.Traces(), true
}

func requireRefusal(t testing.TB, err error, size int, batch *spanview.Batch) {
	t.Helper()
	var invalid *InvalidError
	require.ErrorAs(t, err, &invalid)
	require.GreaterOrEqual(t, invalid.Offset, 0)
	require.Less(t, invalid.Offset, size)
	require.Empty(t, batch.Resources)
	require.Empty(t, batch.Scopes)
	require.Empty(t, batch.Spans)
}

func requireSameBatch(t testing.TB, traces ptrace.Traces, buf []byte, schema *spanview.Schema, batch *spanview.Batch) {
	t.Helper()
	require.Len(t, batch.Resources, traces.ResourceSpans().Len())
	require.Len(t, batch.Spans, traces.SpanCount())
	var scope, span int
	for i, rs := range traces.ResourceSpans().All() {
		resource := batch.Resources[i]
		require.Equal(t, rs.SchemaUrl(), string(batch.Bytes(buf, resource.SchemaURL)))
		for slot := range schema.ResourceSlots() {
			key := schema.ResourceKey(spanview.ResourceSlot(slot))
			requireSameValue(t, rs.Resource().Attributes(), key, batch.ResourceValue(i, spanview.ResourceSlot(slot)))
		}
		for _, ss := range rs.ScopeSpans().All() {
			require.Equal(t, int32(i), batch.Scopes[scope].Resource)
			require.Equal(t, ss.SchemaUrl(), string(batch.Bytes(buf, batch.Scopes[scope].SchemaURL)))
			for _, want := range ss.Spans().All() {
				got := &batch.Spans[span]
				require.Equal(t, [2]int32{int32(i), int32(scope)}, [2]int32{got.Resource, got.Scope})
				requireSameSpan(t, want, got)
				for slot := range schema.SpanSlots() {
					key := schema.SpanKey(spanview.SpanSlot(slot))
					requireSameValue(t, want.Attributes(), key, batch.SpanValue(span, spanview.SpanSlot(slot)))
				}
				span++
			}
			scope++
		}
	}
	require.Len(t, batch.Scopes, scope)
	require.Equal(t, flatten(traces), flattenBatch(t, buf, batch), "raw bodies")
}

func requireSameSpan(t testing.TB, want ptrace.Span, got *spanview.Span) {
	t.Helper()
	require.Equal(t, spanview.Span{
		TraceID: want.TraceID(), SpanID: [8]byte(want.SpanID()), ParentID: [8]byte(want.ParentSpanID()),
		Start: uint64(want.StartTimestamp()), End: uint64(want.EndTimestamp()),
		Name: want.Name(), TraceState: want.TraceState().AsRaw(),
		Kind: int32(want.Kind()), Status: int32(want.Status().Code()), Flags: want.Flags(),
		Resource: got.Resource, Scope: got.Scope, Raw: got.Raw,
	}, *got)
}

func requireSameValue(t testing.TB, attributes pcommon.Map, key string, got *spanview.Value) {
	t.Helper()
	want, found := attributes.Get(key)
	require.Equal(t, found, got.Present(), "presence of %q", key)
	if !found {
		return
	}
	types := map[pcommon.ValueType]spanview.ValueType{
		pcommon.ValueTypeEmpty: spanview.Empty, pcommon.ValueTypeStr: spanview.String, pcommon.ValueTypeBool: spanview.Bool,
		pcommon.ValueTypeInt: spanview.Int, pcommon.ValueTypeDouble: spanview.Double, pcommon.ValueTypeBytes: spanview.Bytes,
		pcommon.ValueTypeMap: spanview.Complex, pcommon.ValueTypeSlice: spanview.Complex,
	}
	require.Equal(t, types[want.Type()], got.Type, "type of %q", key)
	require.Equal(t, want.AsString(), string(got.AppendText(nil)), "value of %q", key)
	switch want.Type() {
	case pcommon.ValueTypeStr:
		require.Equal(t, want.Str(), got.Str)
	case pcommon.ValueTypeBytes:
		require.Equal(t, string(want.Bytes().AsRaw()), got.Str)
	case pcommon.ValueTypeBool:
		require.Equal(t, want.Bool(), got.Bool())
		require.LessOrEqual(t, got.Num, uint64(1))
	case pcommon.ValueTypeInt:
		require.Equal(t, want.Int(), got.Int())
	}
}

// flatten returns each span with what is around it, marshalled by pdata; empty ResourceSpans and ScopeSpans leave nothing.
func flatten(traces ptrace.Traces) []string {
	var flat []string
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				one := ptrace.NewTraces()
				r := one.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(r.Resource())
				r.SetSchemaUrl(rs.SchemaUrl())
				s := r.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(s.Scope())
				s.SetSchemaUrl(ss.SchemaUrl())
				span.CopyTo(s.Spans().AppendEmpty())
				flat = append(flat, marshal(one))
			}
		}
	}
	return flat
}

func marshal(traces ptrace.Traces) string {
	buf, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	if err != nil {
		panic(err)
	}
	return string(buf)
}

// flattenBatch does the same from the raw bodies that a batch points to.
func flattenBatch(t testing.TB, buf []byte, batch *spanview.Batch) []string {
	t.Helper()
	var flat []string
	for i := range batch.Spans {
		var a Assembler
		a.Add(pieceOf(batch, buf, i))
		flat = append(flat, flatten(unmarshal(t, a.AppendTo(nil)))...)
	}
	return flat
}

func unmarshal(t testing.TB, buf []byte) ptrace.Traces {
	t.Helper()
	export := ptraceotlp.NewExportRequest()
	require.NoError(t, export.UnmarshalProto(buf))
	return export.Traces()
}

func pieceOf(b *spanview.Batch, buf []byte, i int) Piece {
	span := &b.Spans[i]
	resource, scope := &b.Resources[span.Resource], &b.Scopes[span.Scope]
	return Piece{
		Resource: b.Bytes(buf, resource.Raw), ResourceSchemaURL: b.Bytes(buf, resource.SchemaURL),
		Scope: b.Bytes(buf, scope.Raw), ScopeSchemaURL: b.Bytes(buf, scope.SchemaURL),
		Span: b.Bytes(buf, span.Raw),
	}
}

// depthOf returns how deep the deepest value in a valid message is nested, also where a later field takes its place: the
// recursion that Scan does without.
func depthOf(b []byte, m messageID) int {
	depth := 0
	for pos := 0; pos < len(b); {
		f, err := readField(b, pos, m)
		if err != nil {
			panic(err)
		}
		if inner := typeOf(m, f.num).message; inner != noMessage {
			depth = max(depth, depthOf(b[f.start:f.end], inner))
		}
		pos = f.end
	}
	if m == anyValueMessage {
		depth++
	}
	return depth
}
