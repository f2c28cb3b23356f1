package tracestore

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// batch has the given spans, trace and span id each, of two services in turn.
func batch(spans ...[2]byte) ptrace.Traces {
	td := ptrace.NewTraces()
	for service := range 2 {
		rs := td.ResourceSpans().AppendEmpty()
		rs.SetSchemaUrl("resource schema")
		rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("service-", service))
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("scope")
		ss.SetSchemaUrl("scope schema")
		for i, s := range spans {
			if i%2 == service {
				sp := ss.Spans().AppendEmpty()
				sp.SetTraceID(pcommon.TraceID{15: s[0]})
				sp.SetSpanID(pcommon.SpanID{s[1]})
				sp.SetName(fmt.Sprint("span ", s[1]))
			}
		}
	}
	return td
}

// spans returns what a trace has: service and name of each span.
func spans(t *testing.T, trace []byte) map[string]string {
	t.Helper()
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(trace)
	require.NoError(t, err)
	out := map[string]string{}
	for _, rs := range td.ResourceSpans().All() {
		require.Equal(t, "resource schema", rs.SchemaUrl())
		service, _ := rs.Resource().Attributes().Get("service.name")
		for _, ss := range rs.ScopeSpans().All() {
			require.Equal(t, "scope", ss.Scope().Name())
			require.Equal(t, "scope schema", ss.SchemaUrl())
			for _, sp := range ss.Spans().All() {
				require.NotContains(t, out, sp.Name())
				out[sp.Name()] = service.Str()
			}
		}
	}
	return out
}

func TestATraceIsWholeHoweverItCame(t *testing.T) {
	s := New(1 << 20)
	require.NoError(t, s.Put(batch([2]byte{1, 1}, [2]byte{1, 2}, [2]byte{2, 3})))
	require.NoError(t, s.Put(batch([2]byte{2, 4}, [2]byte{1, 5})))
	require.Equal(t, map[string]string{"span 1": "service-0", "span 2": "service-1", "span 5": "service-1"}, spans(t, s.Get(pcommon.TraceID{15: 1})))
	require.Equal(t, map[string]string{"span 3": "service-0", "span 4": "service-0"}, spans(t, s.Get(pcommon.TraceID{15: 2})))
	require.Nil(t, s.Get(pcommon.TraceID{15: 3}))
	require.Equal(t, 2, s.Stats().Traces)
	require.Zero(t, s.Stats().EvictedSpans)
}

func TestTheOldestMakeRoom(t *testing.T) {
	s := New(2000)
	for i := range byte(100) {
		require.NoError(t, s.Put(batch([2]byte{i + 1, 1})))
		require.LessOrEqual(t, s.Stats().Bytes, int64(2000))
	}
	kept := s.Stats().Traces
	require.Greater(t, kept, 2)
	for i := range 100 {
		require.Equal(t, i >= 100-kept, s.Get(pcommon.TraceID{15: byte(i + 1)}) != nil)
	}
	require.EqualValues(t, 100-kept, s.Stats().EvictedSpans)

	long := batch([2]byte{200, 1})
	long.ResourceSpans().At(0).Resource().Attributes().PutStr("long", strings.Repeat("x", 2000))
	require.NoError(t, s.Put(long))
	require.Equal(t, kept, s.Stats().Traces, "nothing has to go for what is too large")

	small := New(10)
	require.NoError(t, small.Put(batch([2]byte{1, 1})))
	require.Equal(t, Stats{EvictedSpans: 1}, small.Stats())
}

func TestTracesAreServedAsTempoDoes(t *testing.T) {
	s := New(1 << 20)
	require.NoError(t, s.Put(batch([2]byte{0xAB, 1}, [2]byte{0xAB, 2})))
	get := func(path, accept string) (int, []byte) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		body, err := io.ReadAll(w.Result().Body)
		require.NoError(t, err)
		return w.Code, body
	}
	want := map[string]string{"span 1": "service-0", "span 2": "service-1"}
	code, body := get("/api/traces/000000000000000000000000000000ab?start=1&end=2", "application/protobuf")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, want, spans(t, body))
	code, body = get("/api/v2/traces/AB", "application/protobuf")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, byte(1<<3|2), body[0])
	require.Equal(t, want, spans(t, body[len(body)-len(s.Get(pcommon.TraceID{15: 0xAB})):]))

	var v1 struct{ Batches []map[string]any }
	code, body = get("/api/traces/ab", "")
	require.Equal(t, http.StatusOK, code)
	require.NoError(t, json.Unmarshal(body, &v1), "%s", body)
	require.Len(t, v1.Batches, 2)
	var v2 struct {
		Trace struct{ ResourceSpans []map[string]any }
	}
	_, body = get("/api/v2/traces/ab", "application/json")
	require.NoError(t, json.Unmarshal(body, &v2), "%s", body)
	require.Len(t, v2.Trace.ResourceSpans, 2)

	for path, code := range map[string]int{
		"/api/traces/1": http.StatusNotFound, "/api/v2/traces/1": http.StatusNotFound, "/api/traces/xyz": http.StatusBadRequest,
		"/api/traces/00000000000000000000000000000000000001": http.StatusBadRequest, "/api/echo": http.StatusOK, "/ready": http.StatusOK,
	} {
		got, _ := get(path, "")
		require.Equal(t, code, got, path)
	}
	_, body = get("/api/echo", "")
	require.Equal(t, "echo", string(body))
}
