package spanpipe

import (
	"errors"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// lane is what one request at a time has for itself.
type lane struct {
	index   int
	writer  *tracebuf.Writer
	batch   spanview.Batch
	scratch sampling.Scratch
	rowsMax int // of the batch
	request Request
}

// Request is a request on its way in. It occupies a lane: fill Body and call Accept or Discard without waiting for
// anything in between.
type Request struct {
	engine *Engine
	lane   *lane
	body   []byte
	// decoded is what body holds, where the door has it.
	decoded    ptrace.Traces
	hasDecoded bool
	// context is what InContext gets of the spans of this request.
	context uint32
}

// Accepted says what became of a request.
type Accepted struct {
	// Spans were accepted.
	Spans int
	// ZeroTraceID spans were not: nothing can be said of a span without a trace id.
	ZeroTraceID int
}

// NewRequest takes a lane and returns room for a body of size bytes. It fails with ErrNoBudget, ErrTooLarge
// or ErrReloading.
func (e *Engine) NewRequest(size int, now time.Time) (*Request, error) {
	l := e.lanes.take()
	if l == nil {
		e.counts.refuse(refusedReloading, size)
		return nil, ErrReloading
	}
	body, err := l.writer.Reserve(size)
	for err != nil {
		fits := e.mayFit(size)
		if !fits || !e.relieve(e.clock(now)) {
			e.lanes.give(l)
			e.refuse(size, now)
			if !fits {
				return nil, ErrTooLarge
			}
			return nil, ErrNoBudget
		}
		body, err = l.writer.Reserve(size)
	}
	l.request = Request{engine: e, lane: l, body: body}
	return &l.request, nil
}

// Body is where the request's bytes are to be written, all of them, before Accept.
func (r *Request) Body() []byte { return r.body }

// Decoded hands in what Body holds, where it is decoded already, so that conditions on payload need not decode it again.
// Nothing of it is changed, and none of it is kept when the request has ended.
func (r *Request) Decoded(td ptrace.Traces) { r.decoded, r.hasDecoded = td, true }

// SetContext sets what Settings.InContext gets for the spans of this request. Without it that is 0.
func (r *Request) SetContext(number uint32) { r.context = number }

// Discard ends the request as if it had never been.
func (r *Request) Discard() {
	r.lane.writer.Rollback()
	r.end()
}

// end gives the lane to the next request.
func (r *Request) end() {
	l := r.lane
	r.decoded = ptrace.Traces{}
	r.engine.lanes.give(l)
}

// Accept reads the request and takes it in, whole or not at all, and ends it in either case. Errors: an
// *otlpwire.InvalidError for bytes that can't be read, its cause otlpwire.ErrTooMany among others; ErrNoBudget, with which
// Accepted says what was read and refused.
func (r *Request) Accept(now time.Time) (Accepted, error) {
	e, l := r.engine, r.lane
	defer r.end()
	p := e.plan.Load()
	b := &l.batch
	if err := otlpwire.Scan(r.body, p.schema, b); err != nil {
		l.writer.Rollback()
		l.trim()
		e.counts.refuse(readRefusal(err), len(r.body))
		return Accepted{}, err
	}
	b.Context = r.context
	accepted := Accepted{ZeroTraceID: b.DropZeroTraceIDs()}
	accepted.Spans = len(b.Spans)
	if err := e.prepare(l, now); err != nil {
		l.writer.Rollback()
		l.trim()
		e.refuse(len(r.body), now)
		return accepted, err
	}
	// From here on nothing fails.
	e.keepRequest(r, now)
	e.observe(l, p, now)
	l.trim()
	e.counts.accept(accepted, len(r.body))
	return accepted, nil
}

func readRefusal(err error) RefusedReason {
	if errors.Is(err, otlpwire.ErrTooMany) {
		return refusedTooMany
	}
	return refusedInvalid
}

// refuse notes that there is no room for a request.
func (e *Engine) refuse(bytes int, now time.Time) {
	e.counts.refuse(refusedNoBudget, bytes)
	e.ladder.use(rungRefused, e.clock(now))
}

// rowsKept is how many rows of a batch a lane keeps for the next request.
const rowsKept = 1 << 15

// trim lets go of a batch that an outsized request made large.
func (l *lane) trim() {
	if cap(l.batch.Spans) > rowsKept || cap(l.batch.Resources) > rowsKept {
		l.batch = spanview.Batch{RowsMax: l.rowsMax}
	}
}

// prepare makes room for what the request needs beside its bytes.
func (e *Engine) prepare(l *lane, now time.Time) error {
	if e.settings.SendTraces == nil {
		return nil
	}
	err := e.buf.Prepare(l.writer, &l.batch)
	for err != nil && e.relieve(e.clock(now)) {
		err = e.buf.Prepare(l.writer, &l.batch)
	}
	return err
}

func (e *Engine) observe(l *lane, p *plan, now time.Time) {
	b := &l.batch
	if e.red != nil {
		e.red.Observe(l.index, b, now)
	}
	p.slo.Observe(l.index, b, now)
	e.match(l, p.policies)
	e.coverage.Observe(l.index, b, now)
	if e.settings.SendTraces == nil {
		l.writer.Rollback()
		return
	}
	e.buf.Record(l.writer, b, e.clock(now))
}

// match asks the policies about the request's spans. Where nobody takes traces no payload is decoded: nothing is decided.
func (e *Engine) match(l *lane, p *sampling.Policies) {
	b, r := &l.batch, &l.request
	p.Match(b, &l.scratch)
	switch {
	case !p.HasConditions() || e.settings.SendTraces == nil:
	case r.hasDecoded:
		p.MatchDecoded(b, r.decoded)
	default:
		p.MatchConditions(b, r.body)
	}
}
