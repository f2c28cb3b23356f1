package otlpsloreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// streamWindow is what a client may send of a request before the receiver reads it: an ordinary request. Once it is read,
	// gRPC opens the window for the whole message. Windows are static, so that no pings are sent to find them out.
	streamWindow = 256 << 10
	// connWindow is what may be under way on a connection; it is opened again as bytes arrive, whoever reads them.
	connWindow = 4 << 20
	// streamWorkers is how many goroutines a processor has ready for requests: their stacks have grown already, which saves a
	// tenth of what a small request costs (BenchmarkGRPC). More requests than these have goroutines of their own.
	streamWorkers = 4
)

// grpcServices are the services of OTLP by signal. Each has one method, Export.
var grpcServices = [signals]string{
	signalTraces:  "opentelemetry.proto.collector.trace.v1.TraceService",
	signalMetrics: "opentelemetry.proto.collector.metrics.v1.MetricsService",
	signalLogs:    "opentelemetry.proto.collector.logs.v1.LogsService",
}

const grpcMethod = "Export"

// grpcServer takes OTLP/gRPC.
type grpcServer struct {
	door       *door
	obs        *receiverhelper.ObsReport
	messageMax int64
	server     *grpc.Server
	listener   net.Listener
	served     chan struct{} // closed when the server has ended
}

func startGRPC(ctx context.Context, host component.Host, cfg *configgrpc.ServerConfig, d *door, obs *receiverhelper.ObsReport) (*grpcServer, error) {
	s := &grpcServer{door: d, obs: obs, messageMax: int64(cfg.MaxRecvMsgSizeMiB) << 20, served: make(chan struct{})}
	if s.messageMax == 0 {
		s.messageMax = grpcMessageMiBDefault << 20
	}
	var err error
	if s.server, err = s.newServer(ctx, host, cfg); err != nil {
		return nil, fmt.Errorf("cannot set up OTLP/gRPC: %w", err)
	}
	for signal, in := range d.intakes {
		if in != nil {
			s.register(signalKind(signal), in)
		}
	}
	if s.listener, err = cfg.NetAddr.Listen(ctx); err != nil {
		s.server.Stop()
		return nil, fmt.Errorf("cannot listen for OTLP/gRPC on %q: %w", cfg.NetAddr.Endpoint, err)
	}
	d.logger.Info("taking OTLP/gRPC", zap.String("endpoint", s.listener.Addr().String()))
	go func() {
		defer close(s.served)
		if err := s.server.Serve(s.listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	}()
	return s, nil
}

// newServer makes the Collector's gRPC server, with its TLS, authentication, limits and middlewares.
func (s *grpcServer) newServer(ctx context.Context, host component.Host, cfg *configgrpc.ServerConfig) (_ *grpc.Server, err error) {
	defer func() { // grpc-go panics where a middleware sets an option that can be set once
		if p := recover(); p != nil {
			err = fmt.Errorf("a middleware does not go with this receiver: %v", p)
		}
	}()
	var opts []configgrpc.ToServerOption
	for _, opt := range []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.NumStreamWorkers(uint32(streamWorkers * runtime.GOMAXPROCS(0))),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connWindow),
		grpc.InTapHandle(receiveTimeoutTap(s.door.receiveTimeout)),
		grpc.StatsHandler(&encodingWatch{refused: s.door.refused}),
	} {
		opts = append(opts, configgrpc.WithGrpcServerOption(opt))
	}
	return cfg.ToServer(ctx, host.GetExtensions(), s.door.telemetry, opts...)
}

// register adds the service of a signal. Export is registered as a stream, which is the same on the wire as the unary
// method it is: grpc-go receives and decompresses the message of a unary method before it asks anybody, but leaves it to
// the handler of a stream. So a request is authenticated by the interceptors, and has its bytes reserved, before any of
// it is read; and a refusal has its RetryInfo.
func (s *grpcServer) register(signal signalKind, in intake) {
	handler := func(_ any, stream grpc.ServerStream) error { return s.export(signal, in, stream) }
	s.server.RegisterService(&grpc.ServiceDesc{
		ServiceName: grpcServices[signal],
		HandlerType: (*any)(nil),
		Streams:     []grpc.StreamDesc{{StreamName: grpcMethod, Handler: handler}},
	}, nil)
}

// export takes one request.
func (s *grpcServer) export(signal signalKind, in intake, stream grpc.ServerStream) error {
	q := request{encoding: protobufEncoding, obs: s.obs, room: reservation{from: s.door.inFlight}}
	defer q.done()
	answer, err := s.take(stream, in, &q)
	if err != nil {
		s.door.refused.count(transportGRPC, signal, err)
		return statusOf(err).Err()
	}
	encoded, err := q.encoding.encodeAnswer(answer)
	if err != nil {
		return statusOf(err).Err()
	}
	return stream.SendMsg(rawMessage(encoded))
}

func (s *grpcServer) take(stream grpc.ServerStream, in intake, q *request) (message, error) {
	ctx := stream.Context()
	if s.door.stopping.Load() {
		return nil, errShuttingDown
	}
	if err := q.room.grow(ctx, s.messageMax); err != nil {
		return nil, err
	}
	var received receivedMessage
	err := stream.RecvMsg(&received)
	q.body = received.body
	endReceiveTimeout(ctx)
	if err != nil {
		return nil, receiveRefusal(err)
	}
	q.room.shrink(int64(q.body.Len()))
	return in.take(ctx, q)
}

// receiveRefusal says why gRPC did not receive a message. The client has been told with gRPC's own status by now.
func receiveRefusal(err error) error {
	why := reasonMalformed
	switch status.Code(err) {
	case codes.ResourceExhausted:
		why = reasonTooLarge
	case codes.Unimplemented:
		why = reasonUnknownEncoding
	case codes.Canceled, codes.DeadlineExceeded, codes.Unavailable:
		why = reasonNotReceived
	}
	return &refusal{why, err}
}

// stopAfter is how long handlers that were cut off have to come back.
const stopAfter = time.Second

// stop lets requests end that have begun, until ctx is done, and cuts off the others.
func (s *grpcServer) stop(ctx context.Context) {
	go s.server.GracefulStop()
	select {
	case <-s.served:
		return
	case <-ctx.Done():
	}
	go s.server.Stop() // both return when the last handler has
	timer := time.NewTimer(stopAfter)
	defer timer.Stop()
	select {
	case <-s.served:
	case <-timer.C: // a next consumer does not come back, though its context is done
	}
}
