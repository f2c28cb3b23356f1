package otlpsloreceiver

import (
	"context"
	"sync"
	"time"
)

// gate is the share of the engine's memory budget that requests may take while they are being received: spanpipe.Gate.
type gate interface {
	TryAcquire(bytes int64) bool
	Release(bytes int64)
	Max() int64
}

// inFlight hands out the gate's bytes, first come first served. Nothing of a request's body is read before its bytes are
// reserved, so that what is being received never takes more than the gate has.
type inFlight struct {
	gate gate

	mu      sync.Mutex // protects waiting; held around TryAcquire, which checks before it takes
	waiting []*waiter
}

// waiter is a request that waits for its bytes; ready is closed when it has them.
type waiter struct {
	bytes int64
	ready chan struct{}
}

const (
	// patience is how long a request waits for room. Bodies arrive within milliseconds as a rule, so that a short wait saves
	// clients a refusal when many send at the same moment.
	patience = time.Second
	// waitingMax bounds the requests that wait: a gRPC stream that waits may have sent streamWindow bytes already.
	waitingMax = 64
)

// reservation is what one request holds of the gate. It is for one goroutine.
type reservation struct {
	from  *inFlight
	bytes int64
	// impatient: it does not wait for room.
	impatient bool
}

// room is the gate for those who don't wait: rawgrpc.Room.
type room struct{ *inFlight }

// TryAcquire implements rawgrpc.Room. Who waits comes first.
func (r room) TryAcquire(bytes int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting) == 0 && r.gate.TryAcquire(bytes)
}

// Release implements rawgrpc.Room.
func (r room) Release(bytes int64) { r.release(bytes) }

// grow reserves more bytes, at most all that the gate has: so a request that is larger is received alone. It waits
// for them if need be and fails with errInFlightFull, or as the context does.
func (r *reservation) grow(ctx context.Context, bytes int64) error {
	bytes = min(bytes, r.from.gate.Max()-r.bytes)
	if bytes <= 0 {
		return nil
	}
	if r.impatient {
		if !(room{r.from}).TryAcquire(bytes) {
			return errInFlightFull
		}
	} else if err := r.from.acquire(ctx, bytes); err != nil {
		return err
	}
	r.bytes += bytes
	return nil
}

// shrink gives back all but so many bytes.
func (r *reservation) shrink(bytes int64) {
	if bytes < r.bytes {
		r.from.release(r.bytes - bytes)
		r.bytes = bytes
	}
}

// release gives everything back.
func (r *reservation) release() { r.shrink(0) }

func (f *inFlight) acquire(ctx context.Context, bytes int64) error {
	f.mu.Lock()
	if len(f.waiting) == 0 && f.gate.TryAcquire(bytes) {
		f.mu.Unlock()
		return nil
	}
	if len(f.waiting) >= waitingMax {
		f.mu.Unlock()
		return errInFlightFull
	}
	w := &waiter{bytes: bytes, ready: make(chan struct{})}
	f.waiting = append(f.waiting, w)
	f.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.ready:
		return nil
	case <-timer.C:
		return f.giveUp(w, errInFlightFull)
	case <-ctx.Done():
		return f.giveUp(w, &refusal{reasonNotReceived, ctx.Err()})
	}
}

// giveUp ends a wait. A request that got its bytes in the same moment keeps them.
func (f *inFlight) giveUp(w *waiter, err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, other := range f.waiting {
		if other == w {
			f.waiting = append(f.waiting[:i], f.waiting[i+1:]...)
			f.admit() // it may have been what the others waited behind
			return err
		}
	}
	return nil
}

func (f *inFlight) release(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate.Release(bytes)
	f.admit()
}

// admit gives those who wait their bytes, in order, as far as there are any. f.mu is held.
func (f *inFlight) admit() {
	for len(f.waiting) > 0 && f.gate.TryAcquire(f.waiting[0].bytes) {
		close(f.waiting[0].ready)
		f.waiting[0] = nil
		f.waiting = f.waiting[1:]
	}
}
