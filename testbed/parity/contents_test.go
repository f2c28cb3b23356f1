package parity

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// contents returns each span with its resource and scope, encoded, by its id; without the tracestate, which may have grown.
func contents(t *testing.T, tds []ptrace.Traces) map[pcommon.SpanID]string {
	out := map[pcommon.SpanID]string{}
	for _, td := range tds {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					alone := ptrace.NewTraces()
					to := alone.ResourceSpans().AppendEmpty()
					rs.Resource().CopyTo(to.Resource())
					scope := to.ScopeSpans().AppendEmpty()
					ss.Scope().CopyTo(scope.Scope())
					s.CopyTo(scope.Spans().AppendEmpty())
					scope.Spans().At(0).TraceState().FromRaw("")
					encoded, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(alone)
					require.NoError(t, err)
					require.Empty(t, out[s.SpanID()], "a span is there once")
					out[s.SpanID()] = string(encoded)
				}
			}
		}
	}
	return out
}

// What is kept comes out as it went in, from both.
func TestSpansComeOutAsTheyCame(t *testing.T) {
	for _, tr := range everything(t) {
		if tr.big {
			continue
		}
		sent := make([]ptrace.Traces, len(tr.requests))
		for i, r := range tr.requests {
			sent[i] = r.traces
		}
		want := contents(t, sent)
		require.Len(t, want, tr.spans)
		for _, a := range arms {
			k := newKept()
			k.wantData = true
			a.process(t, tr.config("policies: ["+isAll+"]"), k, sending(tr))
			got := contents(t, k.data)
			require.Len(t, got, len(want))
			for id, span := range want {
				require.Equal(t, span, got[id], "%s: span %s of %s", a.name, id, tr.name)
			}
		}
	}
}
