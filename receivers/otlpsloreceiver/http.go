package otlpsloreceiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

func (r *otlpReceiver) startHTTP(ctx context.Context, host component.Host) error {
	if !r.cfg.Protocols.HTTP.HasValue() {
		return nil
	}
	cfg := r.cfg.Protocols.HTTP.Get()
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/traces", r.handle(r.httpTraces))
	if r.nextMetrics != nil {
		mux.HandleFunc("/v1/metrics", r.handle(r.httpMetrics))
	}
	if r.nextLogs != nil {
		mux.HandleFunc("/v1/logs", r.handle(r.httpLogs))
	}
	var err error
	r.serverHTTP, err = cfg.ToServer(ctx, host.GetExtensions(), r.set.TelemetrySettings, mux,
		confighttp.WithErrorHandler(r.handleTransportError), confighttp.WithDecoder("gzip", newGzipReader))
	if err != nil {
		return fmt.Errorf("cannot make HTTP server: %w", err)
	}
	listener, err := cfg.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("cannot listen for OTLP/HTTP on %q: %w", cfg.NetAddr.Endpoint, err)
	}
	r.set.Logger.Info("taking OTLP/HTTP", zap.String("endpoint", listener.Addr().String()))
	r.servers.Go(func() {
		if err := r.serverHTTP.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// signalHandler takes a request's body and returns the encoded answer.
type signalHandler func(ctx context.Context, e encoding, body []byte) ([]byte, error)

// handle reads a request as the OTLP specification says and answers in its encoding.
func (r *otlpReceiver) handle(signal signalHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodPost {
			r.refusals.add(refusalMethod)
			writePlain(w, http.StatusMethodNotAllowed, "method not allowed, supported: POST")
			return
		}
		e, ok := encodingOf(req)
		if !ok {
			r.refusals.add(refusalContentType)
			writePlain(w, http.StatusUnsupportedMediaType, "unsupported media type, supported: application/x-protobuf, application/json")
			return
		}
		if r.draining.Load() {
			r.refusals.add(refusalDraining)
			writeStatus(w, e, 0, statusDraining)
			return
		}
		body, err := r.receiveBody(w, req)
		if err != nil {
			code, err := r.bodyRefusal(err)
			writeStatus(w, e, code, err)
			return
		}
		defer putBody(body)
		answer, err := signal(req.Context(), e, body.Bytes())
		if err != nil {
			writeStatus(w, e, 0, err)
			return
		}
		write(w, http.StatusOK, e.contentType(), answer)
	}
}

// bodyRefusal counts why a body was not received and returns what its sender is told; the code is 0 where the status
// tells it.
func (r *otlpReceiver) bodyRefusal(err error) (int, error) {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errBusy):
		r.refusals.add(refusalBusy)
		return 0, statusBusy
	case errors.As(err, &tooLarge):
		r.refusals.add(refusalTooLarge)
		return http.StatusRequestEntityTooLarge, status.Errorf(codes.ResourceExhausted, "the request is larger than %d bytes", tooLarge.Limit)
	}
	r.refusals.add(refusalBody)
	return http.StatusBadRequest, status.Error(codes.InvalidArgument, "cannot read the request's body: "+err.Error())
}

func (r *otlpReceiver) malformed(err error) error {
	r.refusals.add(refusalMalformed)
	return status.Error(codes.InvalidArgument, err.Error())
}

func (r *otlpReceiver) httpTraces(ctx context.Context, e encoding, body []byte) ([]byte, error) {
	if e == jsonEncoding { // through pdata to bytes, then the same way
		request := ptraceotlp.NewExportRequest()
		if err := request.UnmarshalJSON(body); err != nil {
			return nil, r.malformed(err)
		}
		var err error
		if body, err = request.MarshalProto(); err != nil {
			return nil, r.malformed(err)
		}
	}
	ctx = r.obsHTTP.StartTracesOp(ctx)
	accepted, err := r.acceptTraces(body)
	r.obsHTTP.EndTracesOp(ctx, e.format(), accepted.Spans, err)
	if err != nil {
		return nil, err
	}
	return encode(e, ptraceResponse(accepted))
}

func (r *otlpReceiver) acceptTraces(body []byte) (spanpipe.Accepted, error) {
	now := time.Now()
	request, err := r.engine.NewRequest(len(body), now)
	if err != nil {
		return spanpipe.Accepted{}, engineStatus(err)
	}
	copy(request.Body(), body)
	accepted, err := request.Accept(now)
	if err != nil {
		return spanpipe.Accepted{}, engineStatus(err)
	}
	return accepted, nil
}

func (r *otlpReceiver) httpMetrics(ctx context.Context, e encoding, body []byte) ([]byte, error) {
	request := pmetricotlp.NewExportRequest()
	if err := decode(e, request, body); err != nil {
		return nil, r.malformed(err)
	}
	if err := r.passMetrics(ctx, r.obsHTTP, e.format(), request); err != nil {
		return nil, err
	}
	return encode(e, pmetricotlp.NewExportResponse())
}

func (r *otlpReceiver) httpLogs(ctx context.Context, e encoding, body []byte) ([]byte, error) {
	request := plogotlp.NewExportRequest()
	if err := decode(e, request, body); err != nil {
		return nil, r.malformed(err)
	}
	if err := r.passLogs(ctx, r.obsHTTP, e.format(), request); err != nil {
		return nil, err
	}
	return encode(e, plogotlp.NewExportResponse())
}
