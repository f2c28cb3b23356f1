package tailsamplingprocessor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// Capabilities implements consumer.Traces. Spans are encoded, never changed or held on to.
func (p *tailSampling) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeTraces implements consumer.Traces: it takes a request whole or not at all.
func (p *tailSampling) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	var marshaler ptrace.ProtoMarshaler
	request, err := marshaler.MarshalTraces(td)
	if err != nil { // cannot be
		return p.refused.count(&refusal{reasonInvalid, err})
	}
	if len(request) == 0 {
		return nil
	}
	number, err := p.contexts.number(ctx)
	if err != nil {
		return p.refused.count(refusalOf(err))
	}
	err = p.take(td, request, number)
	if p.cfg.BlockOnOverflow && mayFitLater(err) {
		err = p.takeWithPatience(ctx, td, request, number)
	}
	return p.refused.count(refusalOf(err))
}

// take gives a request and its bytes to the engine; number is its context's.
func (p *tailSampling) take(td ptrace.Traces, request []byte, number uint32) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if !p.open {
		return errShuttingDown
	}
	now := time.Now()
	in, err := p.engine.NewRequest(len(request), now)
	if err != nil {
		return err
	}
	copy(in.Body(), request)
	in.Decoded(td)
	in.SetContext(number)
	_, err = in.Accept(now)
	return err
}

// roomInterval is how often a request that waits looks for room: as often as the engine decides.
const roomInterval = 50 * time.Millisecond

// takeWithPatience waits for room until ctx is done or the processor ends. Nothing tells of room: it is looked for.
func (p *tailSampling) takeWithPatience(ctx context.Context, td ptrace.Traces, request []byte, number uint32) error {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	ticker := time.NewTicker(roomInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return &refusal{reasonGaveUp, fmt.Errorf("cannot wait any longer for room in the memory budget: %w", ctx.Err())}
		case <-ticker.C:
		}
		empty := p.empty()
		err := p.take(td, request, number)
		if !mayFitLater(err) {
			return err
		}
		if empty && p.empty() && !errors.Is(err, spanpipe.ErrReloading) {
			return spanpipe.ErrTooLarge // it alone is too much, with what its spans need beside their bytes
		}
	}
}

// empty reports whether the engine holds nothing. It asks under the lock: when open is false the engine's memory goes.
func (p *tailSampling) empty() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.open && p.engine.Empty()
}

func mayFitLater(err error) bool {
	return errors.Is(err, spanpipe.ErrNoBudget) && !errors.Is(err, spanpipe.ErrTooLarge) || errors.Is(err, spanpipe.ErrReloading)
}

// send hands a batch of kept traces to the next consumer.
func (p *tailSampling) send(ctx context.Context, request []byte, _ int) error {
	var unmarshaler ptrace.ProtoUnmarshaler
	td, err := unmarshaler.UnmarshalTraces(request)
	if err != nil { // cannot be: pdata wrote it
		return consumererror.NewPermanent(fmt.Errorf("cannot decode kept traces: %w", err))
	}
	return p.next.ConsumeTraces(ctx, td)
}
