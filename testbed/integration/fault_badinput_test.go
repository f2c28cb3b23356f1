//go:build integration

package integration

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"golang.org/x/net/http2"

	"github.com/otelcol-slo/otelcol-slo/testbed/load"
)

// Requests, encoded by hand.
var (
	noBytes       = []byte{}
	malformed     = []byte{0x0a, 0x7f}
	brokenAtEnd   = append(withoutTraceID(), 0x0a)
	notJSON       = []byte(`{"resourceSpans":[`)
	zeroTraceJSON = []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x"}]}]}]}`)
)

// withoutTraceID is a request with one span that has a name and nothing else.
func withoutTraceID() []byte { return []byte("\x0a\x07\x12\x05\x12\x03\x2a\x01x") }

func gzipOf(body []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(body) // into memory
	_ = w.Close()
	return out.Bytes()
}

// badRequest is what is sent, and how it must be answered over either protocol.
type badRequest struct {
	name                  string
	contentType, encoding string // of HTTP; "" is protobuf, uncompressed
	body                  []byte
	http                  int
	grpc                  string // grpc-status, "" where the request is not sent over gRPC
	rejected              int64  // told by partial success
	reason                string // of otelcol_otlp_slo_refused_requests
}

func badRequests() []badRequest {
	bomb := gzipOf(make([]byte, 64<<20))
	return []badRequest{
		{name: "malformed", body: malformed, http: 400, grpc: "3", reason: "malformed"},
		{name: "broken in its last byte", body: brokenAtEnd, http: 400, grpc: "3", reason: "malformed"},
		{name: "no JSON", contentType: "application/json", body: notJSON, http: 400, reason: "malformed"},
		{name: "oversized", body: make([]byte, 20<<20+1), http: 413, grpc: "8", reason: "too_large"},
		{name: "a bomb", encoding: "gzip", body: bomb, http: 413, grpc: "8", reason: "too_large"},
		{name: "of an unknown encoding", encoding: "br", body: []byte("?"), http: 415, grpc: "12", reason: "unknown_encoding"},
		{name: "of a wrong content type", contentType: "text/plain", body: noBytes, http: 415, reason: "wrong_content_type"},
		{name: "without trace ids", body: withoutTraceID(), http: 200, grpc: "0", rejected: 1},
		{name: "without trace ids, JSON", contentType: "application/json", body: zeroTraceJSON, http: 200, rejected: 1},
	}
}

func TestBadInputIsAnsweredAndDisturbsNothingElse(t *testing.T) {
	s := shipped{memoryMiB: 512}
	s.start(t)
	plan := reference(t, 0.05)
	g := s.send(t, plan, load.Options{SpansPerSecond: offered})
	run(t, time.Second)
	for _, bad := range badRequests() {
		t.Run(bad.name, func(t *testing.T) { s.answersBad(t, &bad) })
	}
	run(t, time.Second)
	g.Stop()
	assert.Empty(t, g.Stats().Refused, g.Stats().LastRefusal)
	a := s.settle(t, 20*time.Second)
	s.withinBudget(t)
	s.collector.StopWithin(5 * time.Second)
	s.conserved(t, g.Spans(), a)
	s.nothingWorthKeepingIsLost(t, plan, g)
	s.complete(t, plan, g)
}

func (s *shipped) answersBad(t *testing.T, bad *badRequest) {
	refused := func(transport string) float64 {
		return s.collector.Sum("otelcol_otlp_slo_refused_requests", "transport", transport, "signal", "traces", "reason", bad.reason)
	}
	overHTTP, overGRPC := refused("http"), refused("grpc")
	s.answersBadHTTP(t, bad)
	if bad.grpc != "" {
		s.answersBadGRPC(t, bad)
	}
	if bad.reason == "" {
		return
	}
	assert.Equal(t, overHTTP+1, refused("http"), "counted by reason")
	if bad.grpc != "" {
		assert.Equal(t, overGRPC+1, refused("grpc"), "counted by reason")
	}
}

func (s *shipped) answersBadHTTP(t *testing.T, bad *badRequest) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.http+"/v1/traces", bytes.NewReader(bad.body))
	require.NoError(t, err)
	contentType := bad.contentType
	if contentType == "" {
		contentType = "application/x-protobuf"
	}
	request.Header.Set("Content-Type", contentType)
	if bad.encoding != "" {
		request.Header.Set("Content-Encoding", bad.encoding)
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, bad.http, answer.StatusCode, "%s", body)
	assert.Empty(t, answer.Header.Get("Retry-After"), "it would be as bad the next time")
	if contentType == "text/plain" {
		return
	}
	assert.Equal(t, contentType, answer.Header.Get("Content-Type"), "answered in the request's encoding")
	if bad.rejected > 0 {
		response := ptraceotlp.NewExportResponse()
		if contentType == "application/json" {
			require.NoError(t, response.UnmarshalJSON(body))
		} else {
			require.NoError(t, response.UnmarshalProto(body))
		}
		assert.Equal(t, bad.rejected, response.PartialSuccess().RejectedSpans())
	}
}

func (s *shipped) answersBadGRPC(t *testing.T, bad *badRequest) {
	client := &http2.Transport{AllowHTTP: true, DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	defer client.CloseIdleConnections()
	frame := make([]byte, 5, 5+len(bad.body))
	binary.BigEndian.PutUint32(frame[1:], uint32(len(bad.body)))
	if bad.encoding != "" {
		frame[0] = 1
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.grpc+"/opentelemetry.proto.collector.trace.v1.TraceService/Export",
		bytes.NewReader(append(frame, bad.body...)))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	if bad.encoding != "" {
		request.Header.Set("Grpc-Encoding", bad.encoding)
	}
	answer, err := client.RoundTrip(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	trailer := answer.Trailer
	if answer.Header.Get("Grpc-Status") != "" {
		trailer = answer.Header
	}
	assert.Equal(t, bad.grpc, trailer.Get("Grpc-Status"), trailer.Get("Grpc-Message"))
	assert.Empty(t, trailer.Get("Grpc-Status-Details-Bin"), "no RetryInfo: it would be as bad the next time")
	if bad.rejected > 0 {
		response := ptraceotlp.NewExportResponse()
		require.NoError(t, response.UnmarshalProto(body[5:]))
		assert.Equal(t, bad.rejected, response.PartialSuccess().RejectedSpans())
	}
}
