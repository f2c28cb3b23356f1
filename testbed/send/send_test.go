package send

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHTTPOutcomes(t *testing.T) {
	// An ExportTraceServiceResponse with partial success: 5 rejected, "why".
	partial := "\x0a\x07\x08\x05\x12\x03why"
	for name, c := range map[string]struct {
		status      int
		header, how string
		body        string
		want        Outcome
	}{
		"accepted":                {200, "", ContentProtobuf, "", Outcome{Code: OK}},
		"partial success":         {200, "", ContentProtobuf, partial, Outcome{Code: OK, Rejected: 5, Message: "why"}},
		"partial success in JSON": {200, "", ContentJSON, `{"partialSuccess":{"rejectedSpans":"5","errorMessage":"why"}}`, Outcome{Code: OK, Rejected: 5, Message: "why"}},
		"bad request":             {400, "", ContentProtobuf, "no", Outcome{Code: "400", Message: "no"}},
		"too many":                {429, "3", ContentProtobuf, "", Outcome{Code: "429", Retryable: true, RetryAfter: 3 * time.Second}},
		"unavailable":             {503, "", ContentProtobuf, "", Outcome{Code: "503", Retryable: true}},
		"too large":               {413, "", ContentProtobuf, "", Outcome{Code: "413"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				assert.Equal(t, "/v1/logs", req.URL.Path)
				assert.Equal(t, c.how, req.Header.Get("Content-Type"))
				z, err := gzip.NewReader(req.Body)
				if assert.NoError(t, err) {
					body, err := io.ReadAll(z)
					assert.NoError(t, err)
					assert.Equal(t, "request", string(body))
				}
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			s, err := Dial(server.URL+"/", c.how, 1, true)
			require.NoError(t, err)
			assert.Equal(t, c.want, s.Send(t.Context(), Logs, []byte("request")))
			require.NoError(t, s.Close())
		})
	}
}

func TestNoAnswerIsRetryable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	o := NewHTTP(server.URL, HTTPOptions{}).Send(t.Context(), Traces, nil)
	assert.Equal(t, "no answer", o.Code)
	assert.True(t, o.Retryable)
}

func TestDialRefusesOtherSchemes(t *testing.T) {
	_, err := Dial("127.0.0.1:4317", "", 1, false)
	require.Error(t, err)
	_, err = Dial("ftp://127.0.0.1:4317", "", 1, false)
	require.ErrorContains(t, err, "must begin with grpc:// or http://")
}

// refusing refuses a number of times before it accepts.
type refusing struct {
	times  int
	answer Outcome
	calls  int
}

func (r *refusing) Send(context.Context, Signal, []byte) Outcome {
	if r.calls++; r.calls <= r.times {
		return r.answer
	}
	return Outcome{Code: OK}
}

func (*refusing) Close() error { return nil }

func TestRetryWaitsAsAskedOrBacksOff(t *testing.T) {
	for name, c := range map[string]struct {
		answer  Outcome
		refused int
		waited  time.Duration
	}{
		"asked to wait":     {Outcome{Code: "429", Retryable: true, RetryAfter: 3 * time.Second}, 2, 6 * time.Second},
		"not asked to wait": {Outcome{Code: "503", Retryable: true}, 3, (20 + 40 + 80) * time.Millisecond},
		"refused for good":  {Outcome{Code: "400"}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				o, refused := Retry(t.Context(), &refusing{times: max(1, c.refused), answer: c.answer}, Traces, nil, nil)
				assert.Equal(t, c.refused, refused)
				assert.Equal(t, c.waited, time.Since(started))
				assert.Equal(t, c.answer.Retryable, o.Code == OK)
			})
		})
	}
}

func TestRetryGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		o, _ := Retry(ctx, &refusing{times: 1000, answer: Outcome{Code: "429", Retryable: true, RetryAfter: time.Minute}}, Traces, nil, nil)
		assert.Equal(t, "429", o.Code)
		assert.Error(t, ctx.Err())
	})
}
