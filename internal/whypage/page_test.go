package whypage

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

func get(t *testing.T, why func([16]byte) spanpipe.Why, path string) (int, string) {
	mux := http.NewServeMux()
	mux.Handle(Pattern, Handler(why))
	server := httptest.NewServer(mux)
	defer server.Close()
	response, err := http.Get(server.URL + path)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func TestAKeptTraceIsExplained(t *testing.T) {
	at := time.Date(2026, 11, 26, 3, 0, 0, 5e6, time.UTC)
	code, body := get(t, func(id [16]byte) spanpipe.Why {
		require.Equal(t, [16]byte{0xab, 15: 1}, id)
		return spanpipe.Why{
			State: "kept", Reason: "decided", Policy: "baseline", Threshold: 1 << 55, ThresholdKnown: true, Randomness: 1<<55 + 1,
			FirstSeen: at, Decided: at.Add(10 * time.Second), Start: at, End: at.Add(time.Second), SpansSeen: 8, SpansKept: 7, Errors: 1,
			Truncated: true, Services: []string{"shop"},
			Policies: []sampling.Answer{{Policy: "baseline", Matches: true, Share: 0.5, Known: true}, {Policy: "rare"}},
		}
	}, "/why/AB000000000000000000000000000001")
	require.Equal(t, 200, code)
	require.JSONEq(t, `{
		"trace_id": "ab000000000000000000000000000001", "state": "kept", "reason": "decided", "policy": "baseline",
		"threshold": "80000000000000", "probability": 0.5, "randomness": "80000000000001",
		"first_seen": "2026-11-26T03:00:00.005Z", "decided": "2026-11-26T03:00:10.005Z",
		"start": "2026-11-26T03:00:00.005Z", "end": "2026-11-26T03:00:01.005Z",
		"spans_seen": 8, "spans_kept": 7, "errors": 1, "truncated": true, "services": ["shop"],
		"policies": [{"policy": "baseline", "matches": true, "probability": 0.5}, {"policy": "rare", "matches": false}]
	}`, body)
}

func TestWhatNobodyKnowsIsSaidSo(t *testing.T) {
	code, body := get(t, func([16]byte) spanpipe.Why { return spanpipe.Why{State: "unknown"} }, "/why/00000000000000000000000000000001")
	require.Equal(t, 200, code)
	require.JSONEq(t, `{"trace_id": "00000000000000000000000000000001", "state": "unknown"}`, body)
}

func TestWhatIsNoTraceIDIsRefused(t *testing.T) {
	for _, id := range []string{"1", "zz000000000000000000000000000001", "0000000000000000000000000000000101"} {
		code, body := get(t, nil, "/why/"+id)
		require.Equal(t, 400, code)
		require.Contains(t, body, "trace_id must be 32 hexadecimal digits (got \""+id+"\")")
	}
}
