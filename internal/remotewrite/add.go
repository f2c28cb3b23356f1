package remotewrite

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Source hands out the series of a payload, one at a time.
type Source interface {
	// Len returns the number of series.
	Len() int
	// Key returns the [Series.Key] of a series.
	Key(i int) uint64
	// At returns a series. It is valid until the next call.
	At(i int) *Series
}

// List is a payload whose series are all there.
type List []Series

// Len implements [Source].
func (l List) Len() int { return len(l) }

// Key implements [Source].
func (l List) Key(i int) uint64 { return l[i].Key }

// At implements [Source].
func (l List) At(i int) *Series { return &l[i] }

// Share is what of a payload goes out with the same headers.
type Share struct {
	Source
	Headers Headers
	// Refused is set where the queue has something of [QueueConfig.MaxRoutes] others, or the headers are longer than 8 KiB:
	// nothing of it was queued.
	Refused bool
}

// Add queues a payload, whole or not at all: it fails with [ErrFull], [ErrTooLarge], [ErrClosed], or an error of the log's
// disk. The series are copied. Batches that the payload opens are of message m; now is when it came.
// The payload that is returned is nil where payloads are not followed.
func (q *Queue) Add(m Message, now time.Time, shares ...Share) (*Payload, error) {
	bound := 0
	if q.log == nil {
		if bound = sizeBound(shares); bound > q.config.MaxBytes {
			return nil, ErrTooLarge
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, ErrClosed
	case q.log == nil && (q.bytes+bound > q.config.MaxBytes || q.payloads >= q.config.MaxPayloads):
		return nil, ErrFull
	}
	if q.log != nil {
		q.makeRoom()
	}
	in := &q.arriving
	in.begin(m, now)
	for i := range shares {
		in.add(&shares[i])
	}
	if q.log != nil {
		if err := in.write(); err != nil {
			return nil, err
		}
	}
	return in.finish(), nil
}

func sizeBound(shares []Share) int {
	n := 0
	for p := range shares {
		for i := range shares[p].Len() {
			n += shares[p].At(i).sizeBound()
		}
	}
	return n
}

// arrival is the payload that is being queued. Its memory is used again.
type arrival struct {
	queue   *Queue
	message Message
	now     time.Time
	payload *Payload // nil: not followed
	touched []*Shard
	infos   []remembered
	newest  int64
	records newRecords // what is to be written
}

// infoKey is a [Series.Info] series of a route.
type infoKey struct {
	headers Headers
	key     uint64
}

// remembered is what the queue knew of a target before the payload.
type remembered struct {
	infoKey
	before int64
	known  bool
}

func (in *arrival) begin(m Message, now time.Time) {
	in.message, in.now = m, now
	in.touched, in.infos = in.touched[:0], in.infos[:0]
	in.newest = 0
	in.records.reset()
	in.payload = nil
	if q := in.queue; q.log == nil || q.config.Track {
		q.payloads++
		in.payload = &Payload{done: make(chan struct{}), settled: func() { q.payloads-- }}
		in.payload.parts = 1
	}
}

// maxHeaders bounds headers, which are in every record.
const maxHeaders = 8 << 10

// add queues one share.
func (in *arrival) add(p *Share) {
	if p.Len() == 0 {
		return
	}
	var r *route
	if len(p.Headers) <= maxHeaders {
		r = in.queue.route(p.Headers, in.now)
	}
	if r == nil {
		p.Refused = true
		return
	}
	shards := r.newest().shards
	for i := range p.Len() {
		s := p.At(i)
		if s.Info && in.repeats(infoKey{p.Headers, s.Key}, s.Timestamp) {
			continue
		}
		shards[p.Key(i)%uint64(len(shards))].append(in, s)
		in.newest = max(in.newest, s.Timestamp)
	}
}

// maxInfos bounds what a queue remembers of the targets it saw. When it is full it forgets them all: the price is at most
// one repeated sample each.
const maxInfos = 1 << 17

// repeats reports whether a constant about a target is no news. Where several payloads describe one target, the older
// one would be out of order, and a 1.0 receiver may refuse the whole request for it.
func (in *arrival) repeats(key infoKey, timestamp int64) bool {
	infos := in.queue.infos
	last, known := infos[key]
	if known && timestamp <= last {
		return true
	}
	if len(infos) >= maxInfos {
		clear(infos)
	}
	infos[key] = timestamp
	in.infos = append(in.infos, remembered{key, last, known})
	return false
}

// write has the payload in the log, or the queue as it was.
func (in *arrival) write() error {
	for _, s := range in.touched {
		in.records.add(s)
	}
	err := in.queue.writeLog(&in.records, in.now)
	if err == nil {
		return nil
	}
	for _, s := range in.touched {
		s.fallBack()
	}
	for _, i := range slices.Backward(in.infos) { // one may be there twice
		if delete(in.queue.infos, i.infoKey); i.known {
			in.queue.infos[i.infoKey] = i.before
		}
	}
	if in.payload != nil {
		in.queue.payloads--
	}
	if errors.Is(err, ErrTooLarge) {
		return err
	}
	return fmt.Errorf("cannot write to the log: %w", err)
}

// finish has the shards know of the payload.
func (in *arrival) finish() *Payload {
	q := in.queue
	q.received = max(q.received, in.newest)
	for _, s := range in.touched {
		s.touched = false
		s.signal()
	}
	clear(in.touched) // retired ones are not kept
	q.trim()
	if in.payload != nil {
		in.payload.settle(nil)
	}
	return in.payload
}
