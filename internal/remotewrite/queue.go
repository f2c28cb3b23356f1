package remotewrite

import (
	"errors"
	"sync/atomic"
	"time"
)

// QueueConfig bounds a queue. All fields must be above 0.
type QueueConfig struct {
	// Shards is how many requests may be in flight at once.
	Shards int
	// MaxBytes bounds the memory of what is queued: open batches as they are, finished ones compressed.
	MaxBytes int
	// MaxPayloads bounds the payloads of which something is queued.
	MaxPayloads int
	// MaxBatchBytes bounds a request before compression. A series that is larger is a request of its own.
	MaxBatchBytes int
	// Metadata adds metadata to Remote-Write 1.0 requests; 2.0 always has it.
	Metadata bool
}

// ErrFull is returned where a payload has no room now.
var ErrFull = errors.New("the remote-write queue is full")

// ErrTooLarge is returned for a payload that has no room even in an empty queue.
var ErrTooLarge = errors.New("the payload is larger than the remote-write queue")

// Queue holds what is to be sent, in order for each series, within bounds.
type Queue struct {
	config   QueueConfig
	shards   []shard
	scratch  scratch // of all shards
	bytes    atomic.Int64
	samples  atomic.Int64
	payloads atomic.Int64
}

// NewQueue returns an empty queue.
func NewQueue(config QueueConfig) *Queue {
	q := &Queue{config: config, shards: make([]shard, config.Shards)}
	for i := range q.shards {
		q.shards[i].init(q)
	}
	return q
}

// Source hands out the series of a payload, one at a time.
type Source interface {
	// Len returns the number of series.
	Len() int
	// Key returns the [Series.Key] of a series.
	Key(i int) uint64
	// At returns a series. It is valid until the next call.
	At(i int) *Series
}

// listed is a payload whose series are all there.
type listed []Series

func (l listed) Len() int         { return len(l) }
func (l listed) Key(i int) uint64 { return l[i].Key }
func (l listed) At(i int) *Series { return &l[i] }

// Add queues the series of a payload as [Queue.AddFrom] does.
func (q *Queue) Add(series []Series, m Message, now time.Time) (*Payload, error) {
	return q.AddFrom(listed(series), m, now)
}

// AddFrom queues a payload, whole or not at all: it fails with [ErrFull] or [ErrTooLarge]. The series are copied.
// Batches that the payload opens are of message m; now is when it came.
func (q *Queue) AddFrom(source Source, m Message, now time.Time) (*Payload, error) {
	bound, largest := int64(0), 0
	for i := range source.Len() {
		n := source.At(i).sizeBound()
		bound, largest = bound+int64(n), max(largest, n)
	}
	if bound > int64(q.config.MaxBytes) {
		return nil, ErrTooLarge
	}
	if !reserve(&q.bytes, bound, int64(q.config.MaxBytes)) {
		return nil, ErrFull
	}
	// What the shards hold is counted as they take it in: the reservation has then served.
	defer q.bytes.Add(-bound)
	if !reserve(&q.payloads, 1, int64(q.config.MaxPayloads)) {
		return nil, ErrFull
	}
	in := arrival{Source: source, largest: largest, message: m, now: now}
	in.payload = &Payload{done: make(chan struct{}), settled: func() { q.payloads.Add(-1) }}
	in.payload.parts.Store(1)
	for i := range q.shards {
		q.shards[i].add(&in, i)
	}
	in.payload.settle(nil)
	return in.payload, nil
}

// arrival is a payload that is being queued.
type arrival struct {
	Source
	payload *Payload
	largest int // no series has a larger bound
	message Message
	now     time.Time
}

// reserve adds n to a counter unless that would go beyond limit.
func reserve(counter *atomic.Int64, n, limit int64) bool {
	for {
		held := counter.Load()
		if held+n > limit {
			return false
		}
		if counter.CompareAndSwap(held, held+n) {
			return true
		}
	}
}

// Shards returns the number of shards.
func (q *Queue) Shards() int { return len(q.shards) }

// Wake returns a channel that receives after something was queued for a shard.
func (q *Queue) Wake(shard int) <-chan struct{} { return q.shards[shard].wake }

// Head returns the oldest batch of a shard, nil where it is empty. The batch stays in the queue until [Queue.Done].
func (q *Queue) Head(shard int) *Batch { return q.shards[shard].head() }

// Replace puts other batches into the place of a shard's head, in order, as [Batch.Split] and [Batch.Transcode] made them.
func (q *Queue) Replace(shard int, batches ...*Batch) { q.shards[shard].replace(batches) }

// Done takes a shard's head out of the queue: delivered where err is nil, else given up because of err.
func (q *Queue) Done(shard int, err error) { q.shards[shard].done(err) }

// Pending is what a queue holds.
type Pending struct {
	Bytes    int
	Samples  int // samples and native histograms
	Payloads int
}

// Pending returns what is queued now, with what is in flight.
func (q *Queue) Pending() Pending {
	return Pending{int(q.bytes.Load()), int(q.samples.Load()), int(q.payloads.Load())}
}

// Abandon gives up all that is queued because of err and returns what that was, batch by batch.
func (q *Queue) Abandon(err error) []*Batch {
	var left []*Batch
	for i := range q.shards {
		for b := q.Head(i); b != nil; b = q.Head(i) {
			left = append(left, b)
			q.Done(i, err)
		}
	}
	return left
}
