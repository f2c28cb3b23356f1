package otlpsloreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver/internal/unpack"
)

var httpPaths = [signals]string{signalTraces: "/v1/traces", signalMetrics: "/v1/metrics", signalLogs: "/v1/logs"}

// httpEncodings are what confighttp takes where compression_algorithms says nothing.
var httpEncodings = []string{"", "gzip", "zstd", "zlib", "snappy", "deflate", "lz4", "x-snappy-framed"}

// httpServer takes OTLP/HTTP.
type httpServer struct {
	door      *door
	report    *report
	bodyMax   int64
	encodings []string
	server    *http.Server
	listener  net.Listener
	served    chan struct{} // closed when the server has ended
}

func startHTTP(ctx context.Context, host component.Host, cfg *confighttp.ServerConfig, d *door, r *report) (*httpServer, error) {
	h := &httpServer{door: d, report: r, encodings: cfg.CompressionAlgorithms, served: make(chan struct{})}
	if h.encodings == nil {
		h.encodings = httpEncodings
	}
	mux := http.NewServeMux()
	for signal, in := range d.intakes {
		if in != nil {
			mux.HandleFunc(httpPaths[signal], func(w http.ResponseWriter, r *http.Request) { h.serve(signalKind(signal), in, w, r) })
		}
	}
	options := []confighttp.ToServerOption{confighttp.WithErrorHandler(h.refuseEarly)}
	for _, name := range unpack.HTTP {
		if slices.Contains(h.encodings, name) {
			options = append(options, confighttp.WithDecoder(name, leaveEncoded))
		}
	}
	var err error
	if h.server, err = cfg.ToServer(ctx, host.GetExtensions(), d.telemetry, mux, options...); err != nil {
		return nil, fmt.Errorf("cannot set up OTLP/HTTP: %w", err)
	}
	h.bodyMax = cfg.MaxRequestBodySize // ToServer has put its default there
	if h.server.ReadTimeout == 0 {
		// For requests that the handler never sees, whose bodies net/http reads before it answers; receive sets its own.
		h.server.ReadTimeout = d.receiveTimeout
	}
	if h.listener, err = cfg.ToListener(ctx); err != nil {
		return nil, fmt.Errorf("cannot listen for OTLP/HTTP on %q: %w", cfg.NetAddr.Endpoint, err)
	}
	d.logger.Info("taking OTLP/HTTP", zap.String("endpoint", h.listener.Addr().String()))
	go func() {
		defer close(h.served)
		if err := h.server.Serve(h.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	}()
	return h, nil
}

// leaveEncoded is a decoder of confighttp that leaves the body to the handler, which decodes it once it has been received
// whole and within its reservation.
func leaveEncoded(io.ReadCloser) (io.ReadCloser, error) { return nil, nil }

// serve takes one request.
func (h *httpServer) serve(signal signalKind, in intake, w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		h.door.refused.add(transportHTTP, signal, reasonMethod, r.Method, httpSender(r))
		w.Header().Set("Allow", http.MethodPost)
		writeText(w, http.StatusMethodNotAllowed, "method not allowed, supported: POST")
		return
	}
	e, ok := encodingOf(r.Header)
	if !ok {
		h.door.refused.add(transportHTTP, signal, reasonContentType, r.Header.Get("Content-Type"), httpSender(r))
		writeText(w, http.StatusUnsupportedMediaType, "unsupported media type, supported: "+jsonType+", "+protobufType)
		return
	}
	q := request{encoding: e, report: h.report, room: reservation{from: h.door.inFlight}}
	defer q.done()
	answer, err := h.take(w, r, in, &q)
	if err != nil {
		h.door.refused.count(transportHTTP, signal, err, httpSender(r))
		s := statusOf(err)
		writeStatus(w, e, httpCode(err, s), s)
		return
	}
	encoded, err := e.encodeAnswer(answer)
	if err != nil {
		writeStatus(w, e, http.StatusInternalServerError, status.New(codes.Internal, err.Error()))
		return
	}
	write(w, http.StatusOK, e.contentType(), encoded)
}

func (h *httpServer) take(w http.ResponseWriter, r *http.Request, in intake, q *request) (message, error) {
	if h.door.stopping.Load() {
		return nil, errShuttingDown
	}
	if err := h.receive(w, r, q); err != nil {
		return nil, err
	}
	if err := h.unpack(r, q); err != nil {
		return nil, err
	}
	return in.take(r.Context(), q)
}

// refuseEarly answers what confighttp refuses before the handler: a caller without the right credentials, an encoding
// that is not known.
func (h *httpServer) refuseEarly(w http.ResponseWriter, r *http.Request, message string, code int) {
	s := status.New(codes.InvalidArgument, message)
	why := reasonMalformed
	switch {
	case code == http.StatusUnauthorized:
		s = status.New(codes.Unauthenticated, message)
	case code == http.StatusBadRequest && !slices.Contains(h.encodings, r.Header.Get("Content-Encoding")):
		why, code = reasonUnknownEncoding, http.StatusUnsupportedMediaType
		s = status.New(codes.Unimplemented, message)
	}
	if signal := slices.Index(httpPaths[:], r.URL.Path); signal >= 0 && code != http.StatusUnauthorized {
		h.door.refused.add(transportHTTP, signalKind(signal), why, message, httpSender(r))
	}
	if e, ok := encodingOf(r.Header); ok {
		writeStatus(w, e, code, s)
		return
	}
	writeText(w, code, message)
}

// stop lets requests end that have begun, until ctx is done, and cuts off the others.
func (h *httpServer) stop(ctx context.Context) {
	if h.server.Shutdown(ctx) != nil {
		_ = h.server.Close() // connections are gone either way
	}
	<-h.served
}

// writeStatus answers with a google.rpc.Status in the request's encoding.
func writeStatus(w http.ResponseWriter, e encoding, code int, s *status.Status) {
	if delay := retryAfter(s); delay > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(delay/time.Second)))
	}
	body, err := e.encodeStatus(s.Proto())
	if err != nil {
		writeText(w, code, s.Message())
		return
	}
	write(w, code, e.contentType(), body)
}

func writeText(w http.ResponseWriter, code int, text string) {
	write(w, code, "text/plain; charset=utf-8", []byte(text+"\n"))
}

func write(w http.ResponseWriter, code int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // if this fails, nobody is there to be told
}
