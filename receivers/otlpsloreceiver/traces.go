package otlpsloreceiver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc/mem"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// tracesIntake takes traces into the engine, as bytes.
type tracesIntake struct {
	engine *spanpipe.Engine

	mu     sync.RWMutex // held for reading while the engine takes a request in
	closed bool
}

// close waits until no request is being taken in; later ones are refused. The engine can be drained then.
func (t *tracesIntake) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
}

// take implements intake.
func (t *tracesIntake) take(ctx context.Context, q *request) (message, error) {
	if q.encoding == jsonEncoding {
		if err := q.toProto(ctx); err != nil {
			return nil, err
		}
	}
	ctx = q.report.beginTraces(ctx)
	accepted, err := t.accept(q)
	q.report.endTraces(ctx, q.encoding.format(), accepted.Spans, err)
	if err != nil || accepted.ZeroTraceID == 0 {
		return nil, err
	}
	answer := ptraceotlp.NewExportResponse()
	answer.PartialSuccess().SetRejectedSpans(int64(accepted.ZeroTraceID))
	answer.PartialSuccess().SetErrorMessage("spans without a trace id are not accepted")
	return answer, nil
}

// accept copies the body into the engine's buffer, once, and has it taken in. Nothing may block between NewRequest and
// Accept: they occupy one of the engine's lanes.
func (t *tracesIntake) accept(q *request) (spanpipe.Accepted, error) {
	size := q.body.Len()
	if size == 0 {
		return spanpipe.Accepted{}, nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return spanpipe.Accepted{}, errShuttingDown
	}
	now := time.Now()
	in, err := t.engine.NewRequest(size, now)
	if err != nil {
		return spanpipe.Accepted{}, engineRefusal(err)
	}
	q.body.CopyTo(in.Body())
	q.done()
	accepted, err := in.Accept(now)
	if err != nil {
		return accepted, engineRefusal(err)
	}
	return accepted, nil
}

// toProto turns a JSON body into the protobuf one that it stands for.
func (q *request) toProto(ctx context.Context) error {
	in := ptraceotlp.NewExportRequest()
	if err := q.decode(ctx, in, nil); err != nil {
		return err
	}
	proto, err := in.MarshalProto()
	if err != nil {
		return malformed(err)
	}
	q.body.Free()
	q.body = mem.BufferSlice{mem.SliceBuffer(proto)}
	return nil
}

// sendTo returns how the engine hands out a batch of kept traces.
func sendTo(next consumer.Traces) func(ctx context.Context, request []byte, spans int) error {
	return func(ctx context.Context, request []byte, _ int) error {
		var unmarshaler ptrace.ProtoUnmarshaler
		td, err := unmarshaler.UnmarshalTraces(request)
		if err != nil { // cannot be: what could be read on its way in can be read on its way out
			return consumererror.NewPermanent(fmt.Errorf("cannot decode kept traces: %w", err))
		}
		return next.ConsumeTraces(ctx, td)
	}
}
