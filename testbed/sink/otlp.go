package sink

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/otelcol-slo/otelcol-slo/testbed/send"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// OTLPOptions says what an OTLP sink does with what it receives.
type OTLPOptions struct {
	// Address is where to listen; empty: a free port of 127.0.0.1.
	Address string
	// CountOnly counts requests and spans and remembers no ids.
	CountOnly bool
	// OnTraces, where set, is given the bytes of every accepted trace request, and may keep them.
	OnTraces func(request []byte)
	// OnLogs is the same for requests of logs.
	OnLogs func(request []byte)
}

// OTLP is a sink of OTLP/gRPC.
type OTLP struct {
	*listener
	faults
	options OTLPOptions

	traceRequests, metricRequests, logRequests atomic.Uint64
	spans, points, records                     atomic.Uint64

	mu         sync.Mutex // protects what follows
	traces     map[truth.TraceID]map[spanID]struct{}
	distinct   uint64
	duplicates uint64
}

type spanID = [8]byte

// OTLPStats is what a sink received.
type OTLPStats struct {
	TraceRequests, MetricRequests, LogRequests uint64
	// Spans, Points and Records were received, duplicates included.
	Spans, Points, Records uint64
	// Distinct is the number of different pairs of trace id and span id, Duplicates how often a pair came again.
	Distinct, Duplicates uint64
	// Traces is the number of different trace ids.
	Traces int
}

// NewOTLP returns a sink that listens.
func NewOTLP(o OTLPOptions) (*OTLP, error) {
	s := &OTLP{options: o, traces: map[truth.TraceID]map[spanID]struct{}{}}
	var err error
	s.listener, err = open(o.Address, s.serve)
	return s, err
}

// Stats returns what was received so far.
func (s *OTLP) Stats() OTLPStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return OTLPStats{
		TraceRequests: s.traceRequests.Load(), MetricRequests: s.metricRequests.Load(), LogRequests: s.logRequests.Load(),
		Spans: s.spans.Load(), Points: s.points.Load(), Records: s.records.Load(),
		Distinct: s.distinct, Duplicates: s.duplicates, Traces: len(s.traces),
	}
}

// Spans returns the number of spans received so far, duplicates included; it costs nothing.
func (s *OTLP) Spans() uint64 { return s.spans.Load() }

// Kept returns the number of distinct spans of every trace received so far.
func (s *OTLP) Kept() truth.Kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := make(truth.Kept, len(s.traces))
	for id, spans := range s.traces {
		kept[id] = len(spans)
	}
	return kept
}

func (s *OTLP) serve(l net.Listener) func() {
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(send.Codec{}),
		grpc.MaxRecvMsgSize(1<<30),
		grpc.InitialWindowSize(4<<20), grpc.InitialConnWindowSize(8<<20),
	)
	register(server, "trace.v1.TraceService", s.takeTraces)
	register(server, "metrics.v1.MetricsService", s.takeMetrics)
	register(server, "logs.v1.LogsService", s.takeLogs)
	go func() {
		// Serve returns when Stop is called, and has nothing else to say of a listener that works.
		_ = server.Serve(l)
	}()
	return server.Stop
}

// register serves one OTLP service with bytes.
func register(server *grpc.Server, name string, take func(request []byte) error) {
	handler := func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var request []byte
		if err := decode(&request); err != nil {
			return nil, err
		}
		return []byte{}, take(request)
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "opentelemetry.proto.collector." + name,
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Export", Handler: handler}},
	}, nil)
}

// misbehave returns the present fault's refusal, nil where there is none.
func (s *OTLP) misbehave() error {
	fault := s.enter()
	if !fault.Refuse {
		return nil
	}
	if fault.Permanent {
		return status.Error(codes.InvalidArgument, "the sink refuses for good")
	}
	st := status.New(codes.Unavailable, "the sink refuses for now")
	if fault.RetryAfter > 0 {
		detailed, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(fault.RetryAfter)})
		if err != nil {
			return fmt.Errorf("cannot say when to retry: %w", err)
		}
		st = detailed
	}
	return st.Err()
}

func (s *OTLP) takeTraces(request []byte) error {
	if err := s.misbehave(); err != nil {
		return err
	}
	ids, err := spanIDs(request)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	s.traceRequests.Add(1)
	s.spans.Add(uint64(len(ids)))
	if s.options.OnTraces != nil {
		s.options.OnTraces(request)
	}
	if !s.options.CountOnly {
		s.remember(ids)
	}
	return nil
}

func (s *OTLP) remember(ids []pair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		spans := s.traces[id.trace]
		if spans == nil {
			spans = map[spanID]struct{}{}
			s.traces[id.trace] = spans
		}
		before := len(spans)
		spans[id.span] = struct{}{}
		if len(spans) == before {
			s.duplicates++
		} else {
			s.distinct++
		}
	}
}

func (s *OTLP) takeMetrics(request []byte) error {
	if err := s.misbehave(); err != nil {
		return err
	}
	r := pmetricotlp.NewExportRequest()
	if err := r.UnmarshalProto(request); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	s.metricRequests.Add(1)
	s.points.Add(uint64(r.Metrics().DataPointCount()))
	return nil
}

func (s *OTLP) takeLogs(request []byte) error {
	if err := s.misbehave(); err != nil {
		return err
	}
	r := plogotlp.NewExportRequest()
	if err := r.UnmarshalProto(request); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	s.logRequests.Add(1)
	s.records.Add(uint64(r.Logs().LogRecordCount()))
	if s.options.OnLogs != nil {
		s.options.OnLogs(request)
	}
	return nil
}
