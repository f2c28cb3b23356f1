package remotewrite

import (
	"errors"
	"sync"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/segmentlog"
)

// QueueConfig bounds a queue.
type QueueConfig struct {
	// MinShards and MaxShards bound how many requests of a route may be in flight at once. At least 1.
	MinShards, MaxShards int
	// MaxBytes bounds the memory of what is queued: open batches as they are, finished ones compressed. Without a log, what
	// has no room is refused; with one, it is forgotten and read back later.
	MaxBytes int
	// MaxPayloads bounds the payloads of which something is queued. Only without a log.
	MaxPayloads int
	// MaxBatchBytes bounds a request before compression. A series that is larger is a request of its own.
	MaxBatchBytes int
	// MaxRoutes bounds the different [Headers] of what is queued. 0: one.
	MaxRoutes int
	// SendDelay is how long a batch waits to become full. 0: it leaves as soon as its shard is free.
	SendDelay time.Duration
	// Metadata adds metadata to Remote-Write 1.0 requests; 2.0 always has it.
	Metadata bool
	// Track has payloads followed until they are settled, also where there is a log.
	Track bool
	// Log is where what is queued outlives the process; nil: nowhere.
	Log *LogConfig

	// Start is called with a shard that may send from now on, by [Queue.Start] and later. It must not call the queue.
	Start func(*Shard)
	// Lost is called with what was accepted and is lost before it was handed out. It must not call the queue. nil: nothing is.
	Lost func(why Loss, counts Counts, points int)
}

// LogConfig bounds the log.
type LogConfig struct {
	// Dir is the log's directory, made where there is none.
	Dir string
	// MaxBytes bounds its size: beyond seven eighths of it the oldest segment is lost.
	MaxBytes int64
	// MaxAge bounds how old what it holds may become, to within a thirty-second. 0: it may be of any age.
	MaxAge time.Duration
}

// segmentBytes divides the log: what is evicted goes a segment at a time, and each has an open file.
func (c *LogConfig) segmentBytes() int64 {
	return min(max(c.MaxBytes/32, 4<<10), max(c.MaxBytes/256, 64<<20))
}

var (
	// ErrFull is returned where a payload has no room now.
	ErrFull = errors.New("the remote-write queue is full")
	// ErrTooLarge is returned for a payload that has no room even in an empty queue.
	ErrTooLarge = errors.New("the payload is larger than the remote-write queue")
	// ErrClosed is returned after [Queue.Close].
	ErrClosed = errors.New("the remote-write queue is closed")
)

// Queue holds what is to be sent, in order for each series, within bounds.
type Queue struct {
	config QueueConfig
	log    *segmentlog.Log // nil: there is none
	// damage is what of the log could not be read when it was opened.
	damage segmentlog.Damage

	mu          sync.Mutex
	routes      map[Headers]*route
	generations uint32 // the highest number given to one
	infos       map[infoKey]int64
	ages        []segmentAge // of the log's segments, oldest first
	trimAgain   int          // bytes from which trim is worth its while
	arriving    arrival
	scratch     scratch // of all encoders
	bytes       int
	samples     int
	payloads    int
	received    int64 // the newest timestamp of what was taken in, Unix milliseconds
	started     bool
	draining    bool
	closed      bool
}

// NewQueue returns a queue, which holds what the log has of the past. It fails where the log's directory cannot be used.
func NewQueue(config QueueConfig) (*Queue, error) {
	config.MaxRoutes = max(config.MaxRoutes, 1)
	q := &Queue{config: config, routes: map[Headers]*route{}, infos: map[infoKey]int64{}}
	q.arriving.queue = q
	if config.Log != nil {
		if err := q.restore(); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// Damage is what of the log could not be read when it was opened.
func (q *Queue) Damage() segmentlog.Damage { return q.damage }

// Start lets shards send.
func (q *Queue) Start() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.started = true
	for _, r := range q.routes {
		r.startOldest()
	}
}

// Drain has shards send what they have without waiting for more.
func (q *Queue) Drain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.draining = true
	q.each(func(s *Shard) { s.signal() })
}

// each calls f for all shards.
func (q *Queue) each(f func(*Shard)) {
	for _, r := range q.routes {
		for _, g := range r.generations {
			for _, s := range g.shards {
				f(s)
			}
		}
	}
}

// Close ends the queue when no sender uses it any more. What it holds stays in the log; without one it is given up
// because of err, and returned.
func (q *Queue) Close(err error) ([]*Batch, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, nil
	}
	q.closed = true
	var left []*Batch
	q.each(func(s *Shard) {
		if s.open != nil {
			s.seal(nil)
		}
		for _, b := range s.sealed {
			b.settle(err)
		}
		left = append(left, s.sealed...)
		s.sealed = nil
	})
	q.bytes, q.samples = 0, 0
	if q.log == nil {
		return left, nil
	}
	if len(left) == 0 {
		_ = q.log.RemoveThrough(q.log.Newest()) // they hold nothing: the next start would find that out
	}
	return nil, errors.Join(q.log.Sync(), q.log.Close())
}

// Pending is what a queue holds.
type Pending struct {
	Bytes    int // of memory
	Samples  int // samples and native histograms
	Payloads int // 0 where they are not followed
	Shards   int // that may send
	LogBytes int64
	Oldest   time.Time // when the oldest of it was queued; zero: nothing is
	Received int64     // the newest timestamp that was ever taken in, Unix milliseconds
}

// Pending returns what is queued now, with what is in flight.
func (q *Queue) Pending() Pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := Pending{Bytes: q.bytes, Samples: q.samples, Payloads: q.payloads, Received: q.received}
	if q.log != nil {
		p.LogBytes = q.log.Size()
	}
	for _, r := range q.routes {
		p.Shards += len(r.generations[0].shards)
	}
	q.each(func(s *Shard) {
		if b := s.oldest(); b != nil && (p.Oldest.IsZero() || b.Since.Before(p.Oldest)) {
			p.Oldest = b.Since
		}
	})
	return p
}

func (q *Queue) lost(why Loss, c Counts, points int) {
	if q.config.Lost != nil && (c != Counts{} || points != 0) {
		q.config.Lost(why, c, points)
	}
}
