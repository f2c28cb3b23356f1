package otlpsloreceiver

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/tap"
)

// receiving is the context of a gRPC request that may still be receiving its message. Its timer ends it as a deadline
// would; it is stopped when the message is there, so that it bounds receiving alone.
type receiving struct {
	context.Context
	timer *time.Timer
	late  atomic.Bool
}

type receivingKey struct{}

// Err implements context.Context.
func (r *receiving) Err() error {
	if r.late.Load() {
		return context.DeadlineExceeded
	}
	return r.Context.Err()
}

// Value implements context.Context.
func (r *receiving) Value(key any) any {
	if key == (receivingKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// receiveTimeoutTap bounds how long a message may take to arrive. The transport reads under the context that a tap
// handle returns: a handler has no other way to end a read. Most requests have a deadline of their own, which is nearer.
func receiveTimeoutTap(timeout time.Duration) tap.ServerInHandle {
	return func(ctx context.Context, _ *tap.Info) (context.Context, error) {
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= timeout {
			return ctx, nil
		}
		ctx, cancel := context.WithCancel(ctx)
		r := &receiving{Context: ctx}
		r.timer = time.AfterFunc(timeout, func() {
			r.late.Store(true)
			cancel()
		})
		return r, nil
	}
}

// endReceiveTimeout says that the request's message is there.
func endReceiveTimeout(ctx context.Context) {
	if r, ok := ctx.Value(receivingKey{}).(*receiving); ok {
		r.timer.Stop()
	}
}
