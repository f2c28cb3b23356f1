package otlpsloreceiver

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

const tracesMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// tracesService is TraceService with a request that is not decoded.
var tracesService = grpc.ServiceDesc{
	ServiceName: "opentelemetry.proto.collector.trace.v1.TraceService",
	HandlerType: (*tracesHandler)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Export", Handler: handleTraces}},
	Metadata:    "opentelemetry/proto/collector/trace/v1/trace_service.proto",
}

// tracesHandler takes a traces request whose message is still to be received: receive does that.
type tracesHandler interface {
	exportTraces(ctx context.Context, receive func(any) error) (any, error)
}

// handleTraces runs the interceptors first and receives the message innermost: who may not send is refused unread.
func handleTraces(srv any, ctx context.Context, receive func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
	h := srv.(tracesHandler)
	if interceptor == nil {
		return h.exportTraces(ctx, receive)
	}
	info := &grpc.UnaryServerInfo{Server: srv, FullMethod: tracesMethod}
	return interceptor(ctx, nil, info, func(ctx context.Context, _ any) (any, error) { return h.exportTraces(ctx, receive) })
}

func (r *otlpReceiver) startGRPC(ctx context.Context, host component.Host) error {
	if !r.cfg.Protocols.GRPC.HasValue() {
		return nil
	}
	cfg := r.cfg.Protocols.GRPC.Get()
	var err error
	r.serverGRPC, err = cfg.ToServer(ctx, host.GetExtensions(), r.set.TelemetrySettings,
		configgrpc.WithGrpcServerOption(grpc.ForceServerCodecV2(newRawCodec())),
		configgrpc.WithGrpcServerOption(grpc.InTapHandle(r.admission.tapCounting(&r.refusals))),
		configgrpc.WithGrpcServerOption(grpc.StaticStreamWindowSize(streamWindow)),
		configgrpc.WithGrpcServerOption(grpc.StaticConnWindowSize(connWindow)),
		configgrpc.WithGrpcServerOption(grpc.ChainUnaryInterceptor(afterReceiving)),
	)
	if err != nil {
		return fmt.Errorf("cannot make gRPC server: %w", err)
	}
	r.serverGRPC.RegisterService(&tracesService, r)
	if r.nextMetrics != nil {
		pmetricotlp.RegisterGRPCServer(r.serverGRPC, &metricsGRPC{receiver: r})
	}
	if r.nextLogs != nil {
		plogotlp.RegisterGRPCServer(r.serverGRPC, &logsGRPC{receiver: r})
	}
	listener, err := cfg.NetAddr.Listen(ctx)
	if err != nil {
		return fmt.Errorf("cannot listen for OTLP/gRPC on %q: %w", cfg.NetAddr.Endpoint, err)
	}
	r.set.Logger.Info("taking OTLP/gRPC", zap.String("endpoint", listener.Addr().String()))
	r.servers.Go(func() {
		if err := r.serverGRPC.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// afterReceiving gives back what was reserved for a message that pdata has received.
func afterReceiving(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if info.FullMethod != tracesMethod {
		streamOf(ctx).received()
	}
	return handler(ctx, request)
}

// exportTraces implements tracesHandler.
func (r *otlpReceiver) exportTraces(ctx context.Context, receive func(any) error) (any, error) {
	ctx = r.obsGRPC.StartTracesOp(ctx)
	accepted, err := r.receiveTraces(ctx, receive)
	r.obsGRPC.EndTracesOp(ctx, "protobuf", accepted.Spans, err)
	if err != nil {
		return nil, err
	}
	return tracesResponse(accepted)
}

func (r *otlpReceiver) receiveTraces(ctx context.Context, receive func(any) error) (spanpipe.Accepted, error) {
	if r.draining.Load() {
		r.refusals.add(refusalDraining)
		return spanpipe.Accepted{}, statusDraining
	}
	end, ok := r.admission.turn(ctx, r.grpcMessageMax())
	if !ok {
		r.refusals.add(refusalBusy)
		return spanpipe.Accepted{}, statusBusy
	}
	raw := rawRequest{engine: r.engine}
	err := receive(&raw)
	end()
	streamOf(ctx).received()
	if err != nil {
		r.refusals.add(receiveRefusal(err))
		return spanpipe.Accepted{}, err
	}
	if raw.err != nil {
		return spanpipe.Accepted{}, engineStatus(raw.err)
	}
	accepted, err := raw.request.Accept(raw.now)
	if err != nil {
		return spanpipe.Accepted{}, engineStatus(err)
	}
	return accepted, nil
}

func (r *otlpReceiver) grpcMessageMax() int64 {
	if n := r.cfg.Protocols.GRPC.Get().MaxRecvMsgSizeMiB; n > 0 {
		return int64(n) << 20
	}
	return grpcMessageMiBDefault << 20
}

// receiveRefusal tells why gRPC did not receive a message.
func receiveRefusal(err error) refusalReason {
	switch status.Code(err) {
	case codes.ResourceExhausted:
		return refusalTooLarge
	case codes.Unimplemented:
		return refusalEncoding
	}
	return refusalBody
}

// tracesResponse is the answer to an accepted request; its empty form is encoded as no bytes.
func tracesResponse(a spanpipe.Accepted) (rawResponse, error) {
	if a.ZeroTraceID == 0 {
		return rawResponse{}, nil
	}
	return ptraceResponse(a).MarshalProto()
}

func ptraceResponse(a spanpipe.Accepted) ptraceotlp.ExportResponse {
	response := ptraceotlp.NewExportResponse()
	if a.ZeroTraceID > 0 {
		response.PartialSuccess().SetRejectedSpans(int64(a.ZeroTraceID))
		response.PartialSuccess().SetErrorMessage("spans without a trace id are not accepted")
	}
	return response
}
