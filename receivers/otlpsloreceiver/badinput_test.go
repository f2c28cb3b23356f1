package otlpsloreceiver

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// pack compresses as a client does.
func pack(t *testing.T, encoding string, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	switch encoding {
	case "gzip":
		w := gzip.NewWriter(&out)
		_, err := w.Write(body)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	case "deflate", "zlib":
		w := zlib.NewWriter(&out)
		_, err := w.Write(body)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	case "zstd":
		w, err := zstd.NewWriter(&out)
		require.NoError(t, err)
		_, err = w.Write(body)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	case "x-snappy-framed":
		w := s2.NewWriter(&out, s2.WriterSnappyCompat())
		_, err := w.Write(body)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	case "snappy":
		return s2.EncodeSnappy(nil, body)
	default:
		t.Fatalf("no encoder for %q", encoding)
	}
	return out.Bytes()
}

var packings = []string{"gzip", "deflate", "zlib", "zstd", "snappy", "x-snappy-framed"}

// broken is a request that is wrong in its last byte: a field begins there.
func broken(t *testing.T) []byte { return append(protoOf(t, traceOf(9, 1, true)), 0x0a) }

// nestedLogs is a log record whose body is nested so deep.
func nestedLogs(t *testing.T, depth int) []byte {
	ld := plog.NewLogs()
	v := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body()
	for range depth - 1 {
		v = v.SetEmptySlice().AppendEmpty()
	}
	v.SetInt(1)
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	require.NoError(t, err)
	return body
}

const bombBytes = 64 << 20

// goodTraffic sends requests while the test runs and fails it if one is not accepted.
func goodTraffic(t *testing.T, r *running) (stop func()) {
	conn := r.dial(t)
	body := protoOf(t, traceOf(7, 4, false))
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	for range 2 {
		sending.Go(func() {
			for ctx.Err() == nil {
				if _, err := export(context.Background(), conn, signalTraces, body); err != nil {
					t.Errorf("a good request was refused: %v", err)
					return
				}
			}
		})
	}
	return func() { cancel(); sending.Wait() }
}

func TestBadInputOverGRPC(t *testing.T) {
	r := start(t)
	defer goodTraffic(t, r)()
	conn := r.dial(t)
	tooLarge := make([]byte, grpcMessageMiBDefault<<20+1)
	bomb := make([]byte, bombBytes)
	for _, tt := range []struct {
		name   string
		signal signalKind
		body   []byte
		packed string
		code   codes.Code
		reason string
	}{
		{"a byte is wrong", signalTraces, broken(t), "", codes.InvalidArgument, "malformed"},
		{"it is cut off", signalTraces, protoOf(t, traceOf(1, 1, true))[:50], "", codes.InvalidArgument, "malformed"},
		{"a byte is wrong, compressed", signalTraces, broken(t), "gzip", codes.InvalidArgument, "malformed"},
		{"metrics are not metrics", signalMetrics, []byte{0x0a, 0x7f}, "", codes.InvalidArgument, "malformed"},
		{"logs are not logs", signalLogs, []byte{0x0a, 0x7f}, "", codes.InvalidArgument, "malformed"},
		{"a log body is nested too deep", signalLogs, nestedLogs(t, 129), "", codes.InvalidArgument, "malformed"},
		{"it is too large", signalTraces, tooLarge, "", codes.ResourceExhausted, "too_large"},
		{"it is too large, metrics", signalMetrics, tooLarge, "", codes.ResourceExhausted, "too_large"},
		{"it is a gzip bomb", signalTraces, bomb, "gzip", codes.ResourceExhausted, "too_large"},
		{"it is a zstd bomb", signalTraces, bomb, "zstd", codes.ResourceExhausted, "too_large"},
		{"it is a snappy bomb", signalTraces, bomb, "snappy", codes.ResourceExhausted, "too_large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			counted := []string{"transport", "grpc", "signal", signalNames[tt.signal], "reason", tt.reason}
			before := r.figure(t, "otelcol_otlp_slo_refused_requests", counted...)
			var options []grpc.CallOption
			if tt.packed != "" {
				options = append(options, grpc.UseCompressor(tt.packed))
			}
			_, err := export(t.Context(), conn, tt.signal, tt.body, options...)
			require.Equal(t, tt.code, status.Code(err), "%v", err)
			require.Nil(t, retryInfo(err), "it would be as bad the next time")
			r.await(t, before+1, "otelcol_otlp_slo_refused_requests", counted...)
		})
	}
	t.Run("its encoding is not known", func(t *testing.T) {
		require.Equal(t, "12", r.raw(t, rawClient(t), bytes.NewReader(frame(1, []byte("?"))), "Grpc-Encoding", "brotli"))
		require.EqualValues(t, 1, r.figure(t, "otelcol_otlp_slo_refused_requests", "transport", "grpc", "reason", "unknown_encoding"))
	})
	t.Run("it is not compressed as it says", func(t *testing.T) {
		require.Equal(t, "3", r.raw(t, rawClient(t), bytes.NewReader(frame(1, []byte("not gzip"))), "Grpc-Encoding", "gzip"))
	})
	t.Run("it has two messages", func(t *testing.T) {
		body := frame(0, protoOf(t, traceOf(1, 1, false)))
		require.Equal(t, "3", r.raw(t, rawClient(t), bytes.NewReader(append(body, body...))))
	})
	t.Run("some spans have no trace id", func(t *testing.T) {
		body, err := export(t.Context(), conn, signalTraces, protoOf(t, withoutTraceIDs(t)))
		require.NoError(t, err)
		answer := ptraceotlp.NewExportResponse()
		require.NoError(t, answer.UnmarshalProto(body))
		requirePartial(t, answer)
	})
	require.Zero(t, r.figure(t, "otelcol_otlp_slo_refused_requests", "reason", "no_budget"))
}

// withoutTraceIDs returns three spans, one with a trace id.
func withoutTraceIDs(t *testing.T) ptrace.Traces {
	td := traceOf(0, 3, true)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	spans.At(0).SetTraceID(pcommon.TraceID{})
	spans.At(2).SetTraceID(pcommon.TraceID{})
	return td
}

func requirePartial(t *testing.T, answer ptraceotlp.ExportResponse) {
	t.Helper()
	require.EqualValues(t, 2, answer.PartialSuccess().RejectedSpans())
	require.NotEmpty(t, answer.PartialSuccess().ErrorMessage())
}

func TestBadInputOverHTTP(t *testing.T) {
	r := start(t)
	defer goodTraffic(t, r)()
	tooLarge := make([]byte, httpBodyDefault+1)
	bomb := make([]byte, bombBytes)
	type test struct {
		name, path, contentType, encoding string
		body                              []byte
		http                              int
		grpc                              codes.Code
		reason                            string
	}
	tests := []test{
		{"a byte is wrong", "/v1/traces", protobufType, "", broken(t), 400, codes.InvalidArgument, "malformed"},
		{"a byte is wrong, compressed", "/v1/traces", protobufType, "zstd", pack(t, "zstd", broken(t)), 400, codes.InvalidArgument, "malformed"},
		{"it is no JSON", "/v1/traces", jsonType, "", []byte(`{"resourceSpans":[`), 400, codes.InvalidArgument, "malformed"},
		{"JSON is nested too deep", "/v1/traces", jsonType, "", bytes.Repeat([]byte("["), 1000), 400, codes.InvalidArgument, "malformed"},
		{"metrics are not metrics", "/v1/metrics", protobufType, "", []byte{0x0a, 0x7f}, 400, codes.InvalidArgument, "malformed"},
		{"logs are not logs", "/v1/logs", jsonType, "", []byte("paid"), 400, codes.InvalidArgument, "malformed"},
		{"a log body is nested too deep", "/v1/logs", protobufType, "", nestedLogs(t, 129), 400, codes.InvalidArgument, "malformed"},
		{"it is too large", "/v1/traces", protobufType, "", tooLarge, 413, codes.ResourceExhausted, "too_large"},
		{"it is too large, compressed", "/v1/logs", jsonType, "gzip", pack(t, "gzip", tooLarge), 413, codes.ResourceExhausted, "too_large"},
		{"its encoding is not known", "/v1/traces", protobufType, "br", nil, 415, codes.Unimplemented, "unknown_encoding"},
		{"its encoding is not known, JSON", "/v1/traces", jsonType, "br", nil, 415, codes.Unimplemented, "unknown_encoding"},
	}
	for _, encoding := range packings {
		tests = append(tests, test{"it is a bomb in " + encoding, "/v1/traces", protobufType, encoding, pack(t, encoding, bomb), 413, codes.ResourceExhausted, "too_large"})
		if encoding != "x-snappy-framed" { // confighttp's own decoder, which begins before ours
			tests = append(tests, test{"it is not " + encoding, "/v1/traces", jsonType, encoding, []byte("{}"), 400, codes.InvalidArgument, "malformed"})
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			count := func() int64 {
				return r.figure(t, "otelcol_otlp_slo_refused_requests", "transport", "http", "signal", tt.path[len("/v1/"):], "reason", tt.reason)
			}
			before := count()
			got := r.post(t, tt.path, tt.contentType, tt.encoding, tt.body)
			require.Equal(t, tt.http, got.code, "%s", got.body)
			require.Equal(t, tt.grpc, codes.Code(statusIn(t, got, tt.contentType).GetCode()))
			require.Empty(t, got.header.Get("Retry-After"), "it would be as bad the next time")
			require.Equal(t, before+1, count())
		})
	}
	for _, contentType := range []string{"text/plain", "application/grpc", "", "application/x-protobuf/x"} {
		t.Run("its content type is "+contentType, func(t *testing.T) {
			require.Equal(t, 415, r.post(t, "/v1/traces", contentType, "", nil).code)
		})
	}
	require.EqualValues(t, 4, r.figure(t, "otelcol_otlp_slo_refused_requests", "reason", "wrong_content_type"))
	t.Run("its method is wrong", func(t *testing.T) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.http.listener.Addr().String()+"/v1/traces", nil)
		require.NoError(t, err)
		got := do(t, request)
		require.Equal(t, 405, got.code)
		require.Equal(t, "POST", got.header.Get("Allow"))
		require.EqualValues(t, 1, r.figure(t, "otelcol_otlp_slo_refused_requests", "reason", "wrong_method"))
	})
	t.Run("its path is wrong", func(t *testing.T) {
		require.Equal(t, 404, r.post(t, "/v1/profiles", protobufType, "", nil).code)
	})
	t.Run("some spans have no trace id", func(t *testing.T) {
		td := ptraceotlp.NewExportRequestFromTraces(withoutTraceIDs(t))
		body, err := td.MarshalProto()
		require.NoError(t, err)
		answer := ptraceotlp.NewExportResponse()
		require.NoError(t, answer.UnmarshalProto(r.post(t, "/v1/traces", protobufType, "", body).body))
		requirePartial(t, answer)
		body, err = td.MarshalJSON()
		require.NoError(t, err)
		answer = ptraceotlp.NewExportResponse()
		require.NoError(t, answer.UnmarshalJSON(r.post(t, "/v1/traces", jsonType, "", body).body))
		requirePartial(t, answer)
	})
}

// statusIn decodes the google.rpc.Status of an answer, which must be encoded as the request was.
func statusIn(t *testing.T, a answer, contentType string) *spb.Status {
	t.Helper()
	require.Equal(t, contentType, a.header.Get("Content-Type"))
	var s spb.Status
	if contentType == jsonType {
		require.NoError(t, protojson.Unmarshal(a.body, &s))
	} else {
		require.NoError(t, proto.Unmarshal(a.body, &s))
	}
	require.NotEmpty(t, s.GetMessage())
	return &s
}

func TestEveryEncodingIsUnderstood(t *testing.T) {
	r := start(t)
	body := protoOf(t, traceOf(3, 200, false))
	for _, encoding := range packings {
		got := r.post(t, "/v1/traces", protobufType, encoding, pack(t, encoding, body))
		require.Equal(t, 200, got.code, "%s: %s", encoding, got.body)
	}
	got := r.post(t, "/v1/traces", protobufType, "snappy", pack(t, "x-snappy-framed", body))
	require.Equal(t, 200, got.code, "senders that write frames where HTTP has blocks: %s", got.body)
	conn := r.dial(t)
	for _, encoding := range []string{"gzip", "zstd", "snappy"} {
		for range 2 { // the second time with a decoder that was used before
			_, err := export(t.Context(), conn, signalTraces, body, grpc.UseCompressor(encoding))
			require.NoError(t, err, encoding)
		}
	}
	require.EqualValues(t, 200*(len(packings)+1+6), r.figure(t, "otelcol_receiver_accepted_spans"))
	require.Zero(t, r.inFlight(t))
}

func TestOnlyTheConfiguredEncodingsAreTaken(t *testing.T) {
	r := start(t, withConfig(func(c *Config) { c.Protocols.HTTP.Get().CompressionAlgorithms = []string{"", "gzip"} }))
	body := protoOf(t, traceOf(3, 2, false))
	require.Equal(t, 200, r.post(t, "/v1/traces", protobufType, "gzip", pack(t, "gzip", body)).code)
	require.Equal(t, 415, r.post(t, "/v1/traces", protobufType, "zstd", pack(t, "zstd", body)).code)
	require.Equal(t, 415, r.post(t, "/v1/traces", protobufType, "snappy", pack(t, "snappy", body)).code)
}
