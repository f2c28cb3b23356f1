package send

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// method is the full gRPC method of each signal.
var method = [...]string{
	Traces:  "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
	Metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
	Logs:    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}

// GRPCOptions says how a gRPC sender talks.
type GRPCOptions struct {
	// Connections is the number of HTTP/2 connections that requests are spread over in turn; 0 means 1.
	Connections int
	// Gzip compresses requests with gzip at its fastest level.
	Gzip bool
}

type grpcSender struct {
	conns []*grpc.ClientConn
	opts  []grpc.CallOption
	turn  atomic.Uint64
}

// DialGRPC returns a sender of OTLP/gRPC in plain text. It does not wait for a connection.
func DialGRPC(target string, o GRPCOptions) (Sender, error) {
	s := &grpcSender{opts: []grpc.CallOption{grpc.ForceCodecV2(Codec{})}}
	if o.Gzip {
		s.opts = append(s.opts, grpc.UseCompressor(gzipName))
	}
	for range max(1, o.Connections) {
		conn, err := grpc.NewClient(target,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithWriteBufferSize(256<<10),
			grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1<<30)),
			grpc.WithDisableServiceConfig(),
			grpc.WithDisableRetry(),
		)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cannot dial %q: %w", target, err), s.Close())
		}
		s.conns = append(s.conns, conn)
	}
	return s, nil
}

func (s *grpcSender) Close() error {
	var errs []error
	for _, c := range s.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func (s *grpcSender) Send(ctx context.Context, signal Signal, body []byte) Outcome {
	conn := s.conns[s.turn.Add(1)%uint64(len(s.conns))]
	var answer []byte
	err := conn.Invoke(ctx, method[signal], body, &answer, s.opts...)
	if err == nil {
		rejected, message := partialSuccess(answer)
		return Outcome{Code: OK, Rejected: rejected, Message: message}
	}
	st := status.Convert(err)
	o := Outcome{Code: st.Code().String(), Message: st.Message()}
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			o.RetryAfter = info.GetRetryDelay().AsDuration()
			o.Retryable = st.Code() == codes.ResourceExhausted
		}
	}
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		o.Retryable = ctx.Err() == nil
	}
	return o
}

// Codec moves encoded messages as they are: []byte out, *[]byte in. It stands in for the protobuf codec on clients and servers.
type Codec struct{}

// Name is that of the protobuf codec, whose content type goes over the wire.
func (Codec) Name() string { return "proto" }

// Marshal returns a []byte without a copy.
func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("cannot send a %T: only []byte", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

// Unmarshal copies a message into a *[]byte.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("cannot receive into a %T: only *[]byte", v)
	}
	*b = data.Materialize()
	return nil
}
