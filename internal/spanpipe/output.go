package spanpipe

import (
	"math"
	"slices"
	"sync"

	"github.com/otelcol-slo/otelcol-slo/internal/offheap"
	"github.com/otelcol-slo/otelcol-slo/internal/spanstore"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// outQueue holds kept traces from their decision until the next consumer took them: batches of concatenated
// ExportTraceServiceRequests (which are one such request), outside the Go heap, oldest first.
type outQueue struct {
	budget  *tracebuf.Budget
	bytes   int64 // bound
	spans   uint32
	timeout int64 // milliseconds
	// first is the size of a batch's first region. Where there are contexts, many batches may be open, each of a few spans.
	first  int
	stores bool // there is a store, which has to know what is sent

	// wake holds a token while a sender may have something to do.
	wake chan struct{}

	mu      sync.Mutex  // protects all below
	open    []*outBatch // being filled, one a context, in the order that they were opened in
	ready   []*outBatch
	sending []*outBatch
	held    int64 // bytes of regions in all batches
	idle    []byte
}

// outBatch is what is sent at a time.
type outBatch struct {
	region []byte
	used   int
	// spans in the batch, late how many of them came after their trace's decision.
	spans, late uint64
	traces      uint64
	pieces      int              // requests that were appended
	oldest      int64            // first arrival of a trace in it, milliseconds of the engine's clock
	sent        []spanstore.Sent // what is in it, where there is a store
	context     uint32
	opened      int64 // milliseconds of the engine's clock
	// waiting: it was refused and its sender waits before it tries again. givenUp: it is gone, its sender need not try.
	waiting, givenUp bool
	merged           bool // resources and scopes are told once, or can't be
}

const (
	outRegionSize  = 1 << 20
	outRegionSmall = 64 << 10
)

func newOutQueue(b *tracebuf.Budget, c *OutputConfig, buffers int64, contexts bool) *outQueue {
	bound := c.QueueMiB * mib
	if bound == 0 {
		bound = buffers / 4
	}
	first := outRegionSize
	if contexts {
		first = outRegionSmall
	}
	return &outQueue{
		budget: b, bytes: bound, spans: uint32(c.BatchSpansMax), timeout: millis(c.BatchTimeout), first: first, wake: make(chan struct{}, 1),
	}
}

// fill returns the bytes in the queue and the bound.
func (q *outQueue) fill() (held, bound int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.held, q.bytes
}

// room reports whether the queue is within its bound.
func (q *outQueue) room() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held < q.bytes {
		return true
	}
	if len(q.ready) == 0 && len(q.sending) == 0 { // nothing else comes free
		q.sealAllLocked()
	}
	return false
}

func (q *outQueue) regionLocked(size int) ([]byte, error) {
	size = max(size, q.first)
	if size == outRegionSize && q.idle != nil {
		r := q.idle
		q.idle = nil
		q.held += int64(len(r))
		return r, nil
	}
	r, err := offheap.Alloc(size)
	if err != nil {
		return nil, err
	}
	q.budget.Take(tracebuf.UseOutput, int64(len(r)))
	q.held += int64(len(r))
	return r, nil
}

func (q *outQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// oldest returns the earliest first arrival of a trace in the queue, math.MaxInt64 where it is empty.
func (q *outQueue) oldest() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	oldest := int64(math.MaxInt64)
	for _, batches := range [][]*outBatch{q.open, q.ready, q.sending} {
		for _, b := range batches {
			oldest = min(oldest, b.oldest)
		}
	}
	return oldest
}

// next returns the oldest batch that nobody sends yet, nil where there is none.
func (q *outQueue) next() *outBatch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ready) == 0 {
		return nil
	}
	b := q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]
	q.sending = append(q.sending, b)
	if len(q.ready) > 0 {
		q.signal() // for the other senders
	}
	return b
}

// done frees a batch that was sent or given up by its sender.
func (q *outQueue) done(b *outBatch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.removeLocked(b)
}

func (q *outQueue) removeLocked(b *outBatch) {
	q.sending = slices.DeleteFunc(q.sending, func(s *outBatch) bool { return s == b })
	q.letGoLocked(b)
}

// letGoLocked takes a batch's region from it.
func (q *outQueue) letGoLocked(b *outBatch) {
	q.held -= int64(len(b.region))
	if q.idle == nil && len(b.region) == outRegionSize {
		q.idle = b.region
	} else {
		q.freeLocked(b.region)
	}
	b.region = nil
}

func (q *outQueue) freeLocked(r []byte) {
	offheap.Free(r)
	q.budget.Give(tracebuf.UseOutput, int64(len(r)))
}

// putBack returns a batch that could not be sent before the end to the front of the queue.
func (q *outQueue) putBack(b *outBatch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sending = slices.DeleteFunc(q.sending, func(s *outBatch) bool { return s == b })
	q.ready = slices.Insert(q.ready, 0, b)
	q.signal()
}

// waitForRetry notes that the next consumer refused a batch and that its sender waits before it tries again.
func (q *outQueue) waitForRetry(b *outBatch) {
	q.mu.Lock()
	b.waiting = true
	q.mu.Unlock()
}

// retry ends the wait; it returns false when the batch was given up meanwhile and is gone.
func (q *outQueue) retry(b *outBatch) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	b.waiting = false
	return !b.givenUp
}

// giveUpOldest gives up the oldest batch that was refused and waits to be tried again, if the queue is full: then what
// the buffer holds can't be decided, and something has to go. It returns the batch, nil where there is none.
func (q *outQueue) giveUpOldest() *outBatch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held < q.bytes {
		return nil
	}
	for _, b := range q.sending {
		if b.waiting && !b.givenUp {
			b.givenUp = true
			q.removeLocked(b)
			return b
		}
	}
	return nil
}

// outHeld is what the queue holds.
type outHeld struct {
	batches, bytes int
	spans          uint64
}

func (q *outQueue) stats() outHeld {
	q.mu.Lock()
	defer q.mu.Unlock()
	var h outHeld
	count := func(b *outBatch) {
		h.batches++
		h.bytes += b.used
		h.spans += b.spans
	}
	for _, b := range q.open {
		count(b)
	}
	for _, b := range q.ready {
		count(b)
	}
	for _, b := range q.sending {
		count(b)
	}
	return h
}

// close gives the memory back. Nobody may send any more.
func (q *outQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range slices.Concat(q.open, q.ready, q.sending) {
		q.freeLocked(b.region)
	}
	q.open, q.ready, q.sending = nil, nil, nil
	if q.idle != nil {
		q.freeLocked(q.idle)
		q.idle = nil
	}
}
