package otlpsloreceiver

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/rawgrpc"
	"github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver/internal/unpack"
)

// grpcServices are the services of OTLP by signal. Each has one method, Export.
var grpcServices = [signals]string{
	signalTraces:  "opentelemetry.proto.collector.trace.v1.TraceService",
	signalMetrics: "opentelemetry.proto.collector.metrics.v1.MetricsService",
	signalLogs:    "opentelemetry.proto.collector.logs.v1.LogsService",
}

const grpcMethod = "Export"

func pathOf(s signalKind) string { return "/" + grpcServices[s] + "/" + grpcMethod }

// signalOf returns the signal of one of the methods that are served.
func signalOf(path string) signalKind {
	for s := range signals {
		if pathOf(s) == path {
			return s
		}
	}
	return signalTraces
}

// grpcServer takes OTLP/gRPC.
type grpcServer struct {
	door       *door
	report     *report
	messageMax int64
	server     *rawgrpc.Server
	listener   net.Listener
	served     chan struct{} // closed when the server has ended
}

func startGRPC(ctx context.Context, host component.Host, cfg *configgrpc.ServerConfig, d *door, r *report) (*grpcServer, error) {
	s := &grpcServer{door: d, report: r, messageMax: int64(cfg.MaxRecvMsgSizeMiB) << 20, served: make(chan struct{})}
	if s.messageMax == 0 {
		s.messageMax = grpcMessageMiBDefault << 20
	}
	options, err := s.options(ctx, host, cfg)
	if err != nil {
		return nil, fmt.Errorf("cannot set up OTLP/gRPC: %w", err)
	}
	s.server = rawgrpc.New(options)
	if s.listener, err = cfg.NetAddr.Listen(ctx); err != nil {
		return nil, fmt.Errorf("cannot listen for OTLP/gRPC on %q: %w", cfg.NetAddr.Endpoint, err)
	}
	d.logger.Info("taking OTLP/gRPC", zap.String("endpoint", s.listener.Addr().String()))
	go func() {
		defer close(s.served)
		if err := s.server.Serve(s.listener); err != nil {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	}()
	return s, nil
}

// options turns the Collector's configuration of a gRPC server into ours.
func (s *grpcServer) options(ctx context.Context, host component.Host, cfg *configgrpc.ServerConfig) (rawgrpc.Options, error) {
	o := rawgrpc.Options{
		Methods: map[string]rawgrpc.Method{}, Encodings: unpack.GRPC,
		MessageMax: int(s.messageMax), StreamsMax: int(cfg.MaxConcurrentStreams), ReadBuffer: cfg.ReadBufferSize,
		ReceiveTimeout: s.door.receiveTimeout, Room: room{s.door.inFlight}, Keepalive: keepaliveOf(cfg), Connected: withPeer,
		Refused: s.refused,
	}
	if o.StreamsMax == 0 {
		o.StreamsMax = grpcStreamsDefault
	}
	for signal, in := range s.door.intakes {
		if in != nil {
			o.Methods[pathOf(signalKind(signal))] = s.method(signalKind(signal), in)
		}
	}
	if len(cfg.Middlewares) > 0 {
		return o, fmt.Errorf("protocols.grpc.middlewares must be empty (got %d): this server is not gRPC's own, which they extend; "+
			"put such limits in front of the gateway", len(cfg.Middlewares))
	}
	var err error
	if o.Admit, err = admission(ctx, host, cfg); err != nil {
		return o, err
	}
	if cfg.TLS.HasValue() {
		if o.TLS, err = cfg.TLS.Get().LoadTLSConfig(ctx); err != nil {
			return o, err
		}
		o.TLS = withHTTP2(o.TLS)
	}
	return o, nil
}

// withHTTP2 offers HTTP/2 to clients, as gRPC asks for.
func withHTTP2(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.NextProtos = []string{"h2"}
	return c
}

func keepaliveOf(cfg *configgrpc.ServerConfig) (k rawgrpc.Keepalive) {
	if !cfg.Keepalive.HasValue() {
		return k
	}
	if p := cfg.Keepalive.Get().ServerParameters; p.HasValue() {
		k.MaxConnectionIdle, k.MaxConnectionAge = p.Get().MaxConnectionIdle, p.Get().MaxConnectionAge
		k.MaxConnectionAgeGrace, k.Time, k.Timeout = p.Get().MaxConnectionAgeGrace, p.Get().Time, p.Get().Timeout
	}
	if p := cfg.Keepalive.Get().EnforcementPolicy; p.HasValue() {
		k.MinTime, k.PermitWithoutStream = p.Get().MinTime, p.Get().PermitWithoutStream
	}
	return k
}

// method is Export of a signal. The engine takes traces without waiting for anybody; the pipelines of the others may wait.
func (s *grpcServer) method(signal signalKind, in intake) rawgrpc.Method {
	return rawgrpc.Method{Waits: signal != signalTraces, Take: func(ctx context.Context, m *rawgrpc.Message) ([]byte, error) {
		answer, err := s.export(ctx, signal, in, m)
		if err != nil {
			s.door.refused.count(transportGRPC, signal, err, senderOf(ctx, m.UserAgent, m.Len()))
			return nil, statusOf(err).Err()
		}
		return answer, nil
	}}
}

// export takes one request.
func (s *grpcServer) export(ctx context.Context, signal signalKind, in intake, m *rawgrpc.Message) ([]byte, error) {
	if s.door.stopping.Load() {
		return nil, errShuttingDown
	}
	q := request{
		body: lent{m}, encoding: protobufEncoding, report: s.report,
		room: reservation{from: s.door.inFlight, impatient: signal == signalTraces},
	}
	defer q.done()
	if m.Encoding != "" {
		if err := s.unpack(ctx, &q, m); err != nil {
			return nil, err
		}
	}
	answer, err := in.take(ctx, &q)
	if err != nil {
		return nil, err
	}
	return q.encoding.encodeAnswer(answer)
}

// unpack decompresses a message.
func (s *grpcServer) unpack(ctx context.Context, q *request, m *rawgrpc.Message) error {
	_, whole := m.Whole()
	switch {
	case !whole && (m.Encoding != unpack.Gzip || m.Len() > bodyLargest): // copying it first gains nothing, or takes too much
		reader, err := unpack.NewStream(m.Encoding, m.NewReader(), s.messageMax)
		return q.inflate(ctx, reader, err, 0, s.messageMax)
	case !whole:
		if err := q.room.grow(ctx, int64(bufferFor(int64(m.Len())))); err != nil {
			return err
		}
	}
	packed := contiguous(q.body)
	defer packed.Free()
	return q.inflateWhole(ctx, m.Encoding, packed.ReadOnlyData(), s.messageMax, unpack.NewMessage)
}

// refused counts what the server refused itself, and says what the client is told.
func (s *grpcServer) refused(call rawgrpc.Call, why rawgrpc.Refusal, cause error) error {
	err := &refusal{grpcRefusals[why], cause}
	s.door.refused.count(transportGRPC, signalOf(call.Path), err, senderOf(call.Context, call.UserAgent, call.Bytes))
	return statusOf(err).Err()
}

var grpcRefusals = [...]reason{
	rawgrpc.RefusedFraming:     reasonMalformed,
	rawgrpc.RefusedTooLarge:    reasonTooLarge,
	rawgrpc.RefusedEncoding:    reasonUnknownEncoding,
	rawgrpc.RefusedNotReceived: reasonNotReceived,
	rawgrpc.RefusedNoRoom:      reasonInFlightFull,
}

// stop lets requests end that have begun, until ctx is done, and cuts off the others.
func (s *grpcServer) stop(ctx context.Context) {
	s.server.Stop(ctx)
	<-s.served
}
