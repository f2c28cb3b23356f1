package otlpsloreceiver

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/tap"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// admission bounds the memory of requests that are being received, before a byte of their bodies is read.
//
// A gRPC stream may send one flow-control window before anybody reads it: that much is reserved when the stream opens,
// or the stream is refused. Reading its message lets it send the rest, up to the message limit: so much more is reserved
// while the message is read, by at most as many streams at a time as the share allows; the others wait a little for
// their turn and are refused then. HTTP bodies are only read on demand and take their turn alike.
type admission struct {
	windows *spanpipe.Gate
	bodies  *semaphore.Weighted
	max     int64
	timeout time.Duration
}

// streamWindow is the static flow-control window of a gRPC stream, enough for an ordinary request. connWindow is that of
// a connection.
const (
	streamWindow = 256 << 10
	connWindow   = 4 << 20
)

// turnWait is how long a request waits for its turn to be read.
const turnWait = 2 * time.Second

func newAdmission(g *spanpipe.Gate, timeout time.Duration) *admission {
	return &admission{windows: g, bodies: semaphore.NewWeighted(g.Max()), max: g.Max(), timeout: timeout}
}

// stream is a gRPC request's place among those being received.
type stream struct {
	admission *admission
	released  atomic.Bool
	timer     *time.Timer
	stop      func() bool
}

type streamKey struct{}

// tapCounting is tap, its refusals counted.
func (a *admission) tapCounting(r *refusals) tap.ServerInHandle {
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		ctx, err := a.tap(ctx, info)
		if err != nil {
			r.add(refusalBusy)
		}
		return ctx, err
	}
}

// tap admits a stream before its body is read. What it reserves is released when the message has been read, or when the
// stream ends before that.
func (a *admission) tap(ctx context.Context, _ *tap.Info) (context.Context, error) {
	if !a.windows.TryAcquire(streamWindow) {
		return ctx, statusBusy
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &stream{admission: a}
	s.timer = time.AfterFunc(a.timeout, cancel) // a body that trickles
	s.stop = context.AfterFunc(ctx, func() { s.release(); cancel() })
	return context.WithValue(ctx, streamKey{}, s), nil
}

func streamOf(ctx context.Context) *stream {
	s, _ := ctx.Value(streamKey{}).(*stream)
	return s
}

// received says that the stream's message is read.
func (s *stream) received() {
	if s == nil {
		return
	}
	s.timer.Stop()
	s.release()
}

func (s *stream) release() {
	if !s.released.Swap(true) {
		s.admission.windows.Release(streamWindow)
	}
}

// turn waits for the turn to read a body of up to n bytes and returns what ends it, or false where it did not come.
func (a *admission) turn(ctx context.Context, n int64) (end func(), ok bool) {
	n = min(n, a.max)
	if a.bodies.TryAcquire(n) {
		return func() { a.bodies.Release(n) }, true
	}
	ctx, cancel := context.WithTimeout(ctx, turnWait)
	defer cancel()
	if a.bodies.Acquire(ctx, n) != nil {
		return nil, false
	}
	return func() { a.bodies.Release(n) }, true
}
