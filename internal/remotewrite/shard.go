package remotewrite

import "time"

// Shard is the queue of the series whose key falls to it, within a generation of a route. [Shard.Next], [Shard.Done],
// [Shard.Replace], [Shard.Rotate] and [Shard.Park] belong to one goroutine, its sender.
type Shard struct {
	queue      *Queue
	route      *route
	generation *generation
	index      int
	wake       chan struct{}

	// All below is guarded by the queue's lock.
	encoders map[Message]encoder
	// open is the batch that series are added to, nil where there is none; encoder holds its body.
	open    *Batch
	encoder encoder
	sealed  []*Batch // oldest first
	batches uint64   // how many there were
	// touched: the payload that is being queued added something.
	touched bool
	// settledAt is how many sealed batches there were before that payload.
	settledAt int
	used      time.Time // when something was added last

	busySince time.Time // zero: no request is in flight
	busy      time.Duration
}

func newShard(r *route, g *generation, index int) *Shard {
	return &Shard{queue: r.queue, route: r, generation: g, index: index, wake: make(chan struct{}, 1), encoders: map[Message]encoder{}}
}

// Headers returns what a request of the shard has beyond the protocol's headers.
func (s *Shard) Headers() Headers { return s.route.headers }

// Wake returns a channel that receives after something happened that [Shard.Next] has to know.
func (s *Shard) Wake() <-chan struct{} { return s.wake }

func (s *Shard) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// oldest returns the shard's oldest batch, nil where it is empty.
func (s *Shard) oldest() *Batch {
	if len(s.sealed) > 0 {
		return s.sealed[0]
	}
	return s.open
}

// append adds a series of a payload.
func (s *Shard) append(in *arrival, series *Series) {
	if !s.touched {
		s.touched, s.settledAt, s.used = true, len(s.sealed), in.now
		in.touched = append(in.touched, s)
	}
	if s.open != nil && (s.open.Series >= MaxSeries || !s.fits(series)) {
		s.seal(in)
	}
	if s.open == nil {
		s.batches++
		s.open = &Batch{Message: in.message, Since: in.now, number: s.batches, commits: true}
		s.encoder = s.encoderFor(in.message)
	}
	before := s.encoder.size()
	counts := s.encoder.add(series)
	s.queue.bytes += s.encoder.size() - before
	s.open.count(series, counts)
	s.queue.samples += counts.sendable()
	if n := len(s.open.payloads); in.payload != nil && (n == 0 || s.open.payloads[n-1] != in.payload) {
		in.payload.parts++
		s.open.payloads = append(s.open.payloads, in.payload)
	}
}

// fits reports whether the open batch has room for a series.
func (s *Shard) fits(series *Series) bool {
	return s.encoder.size()+series.sizeBound() <= s.queue.config.MaxBatchBytes
}

func (s *Shard) encoderFor(m Message) encoder {
	e, ok := s.encoders[m]
	if !ok {
		clear(s.encoders) // of the other message, which is rarely wanted again
		e = newEncoderWith(m, s.queue.config.Metadata, &s.queue.scratch)
		s.encoders[m] = e
	}
	return e
}

// seal finishes the open batch. Where its turn is far off, or memory is short, the log alone keeps its body.
func (s *Shard) seal(in *arrival) {
	b, q := s.open, s.queue
	if in != nil && q.log != nil {
		in.records.add(s)
	}
	before := s.encoder.size()
	if q.log == nil || len(s.sealed) < 2 && q.bytes <= q.config.MaxBytes/2 {
		b.Body = s.encoder.take()
	} else {
		s.encoder.reset()
	}
	// The encoder is as small as it was before the batch's first series.
	q.bytes += len(b.Body) + s.encoder.size() - before
	s.open = nil
	s.sealed = append(s.sealed, b)
}

// dropEncoders gives back the memory of the encoders, where nothing will be added soon.
func (s *Shard) dropEncoders() {
	if s.open != nil {
		s.seal(nil)
	}
	clear(s.encoders)
	s.encoder = nil
}

// fallBack takes back what a payload added that could not be written: the shard has what the log has.
func (s *Shard) fallBack() {
	s.touched = false
	q := s.queue
	added := s.sealed[s.settledAt:]
	s.sealed = s.sealed[:s.settledAt]
	if s.open != nil {
		before := s.encoder.size()
		s.encoder.reset()
		q.bytes += s.encoder.size() - before
		added = append(added, s.open)
		s.open = nil
	}
	for _, b := range added {
		before := b.Counts
		q.bytes -= len(b.Body)
		b.fallBack()
		q.samples -= before.sendable() - b.Counts.sendable()
		if b.stored.records > 0 {
			s.sealed = append(s.sealed, b)
		}
	}
}

// Next returns the shard's oldest batch, which stays until [Shard.Done], [Shard.Replace] or [Shard.Park]. It returns nil
// where there is none to be sent yet: after wait there is, if that is not 0, and else after [Shard.Wake] received.
// It reports false when the shard has nothing and will never have again.
func (s *Shard) Next(now time.Time) (b *Batch, wait time.Duration, ok bool) {
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if len(s.sealed) == 0 {
			if s.open == nil {
				if s.generation.closed {
					s.route.retire(s.generation)
					return nil, 0, false
				}
				return nil, 0, true
			}
			if wait := q.config.SendDelay - now.Sub(s.open.Since); wait > 0 && !q.draining && !s.generation.closed {
				return nil, wait, true
			}
			s.seal(nil)
		}
		b := s.sealed[0]
		if s.busySince.IsZero() {
			s.busySince = now
		}
		if b.Body != nil || s.load(b) {
			return b, 0, true
		}
	}
}

// Pending reports whether the shard has something, or others wait for it to be retired.
func (s *Shard) Pending() bool {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.oldest() != nil || s.generation.closed
}

// takeBusy returns for how long a request was in flight since it was asked last.
func (s *Shard) takeBusy(now time.Time) time.Duration {
	if !s.busySince.IsZero() {
		s.busy += max(now.Sub(s.busySince), 0)
		s.busySince = now
	}
	busy := s.busy
	s.busy = 0
	return busy
}

// Replace puts other batches into the place of the oldest, in order, as [Batch.Split] and [Batch.Transcode] made them.
func (s *Shard) Replace(batches ...*Batch) {
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	old := s.sealed[0]
	q.bytes -= len(old.Body)
	q.samples -= old.Counts.sendable()
	for _, b := range batches {
		q.bytes += len(b.Body)
		q.samples += b.Counts.sendable()
	}
	for _, p := range old.payloads {
		p.parts += len(batches) - 1
	}
	// On disk it stays one batch, which is done with the last of these.
	last := batches[len(batches)-1]
	last.number, last.stored, last.commits = old.number, old.stored, old.commits
	s.sealed = append(append(make([]*Batch, 0, len(batches)+len(s.sealed)-1), batches...), s.sealed[1:]...)
}

// Parts returns how many parts of one batch are before the next batch.
func (s *Shard) Parts() int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.parts()
}

func (s *Shard) parts() int {
	for i, b := range s.sealed {
		if b.commits {
			return i + 1
		}
	}
	return len(s.sealed)
}

// Rotate puts the oldest part of a batch behind the others, where they have no series in common.
func (s *Shard) Rotate() {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	parts := s.sealed[:s.parts()]
	for _, b := range parts {
		if !b.apart {
			return
		}
	}
	head, last := parts[0], parts[len(parts)-1]
	number, stored := last.number, last.stored
	last.number, last.stored, last.commits = 0, head.stored, false
	copy(parts, parts[1:])
	head.number, head.stored, head.commits = number, stored, true
	parts[len(parts)-1] = head
}

// Done takes the oldest batch out: delivered where err is nil, else given up because of err.
func (s *Shard) Done(now time.Time, err error) {
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	b := s.takeOut()
	if !s.busySince.IsZero() {
		s.busy += max(now.Sub(s.busySince), 0)
		s.busySince = time.Time{}
	}
	b.settle(err)
	q.commit(s, b)
}

// takeOut removes the oldest batch.
func (s *Shard) takeOut() *Batch {
	b := s.sealed[0]
	s.sealed[0] = nil
	s.sealed = s.sealed[1:]
	s.queue.bytes -= len(b.Body)
	s.queue.samples -= b.Counts.sendable()
	return b
}

// Park says that the oldest batch has to wait. Where memory is short it is forgotten, and read back.
func (s *Shard) Park() {
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if b := s.sealed[0]; b.forgettable() && q.log != nil && q.bytes > q.config.MaxBytes/2 {
		q.bytes -= len(b.Body)
		b.Body = nil
	}
}
