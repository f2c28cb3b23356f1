package tracebuf

import "math"

// Closed is a trace, or what came late of it, on its way out. It is valid until Emit returns.
type Closed struct {
	// Record is the trace's record at this moment, First the arrival of its first span.
	Record  *Record
	First   int64
	Verdict Verdict
	Chain   Chain
	// Spans is the length of the chain, Late how many of these came after the decision: none where this is the decision.
	Spans, Late uint32
	// Decides: nothing of the trace was kept before, as far as is known.
	Decides bool
}

// Emitter takes kept traces, and looks at others.
type Emitter interface {
	// Room reports whether Emit should be called: while it is false, deciding waits.
	Room() bool
	// Looks reports whether a trace is to be handed to Emit although it is dropped. It is called under a shard's lock.
	Looks(r *Record) bool
	// Emit takes a copy of a kept trace. It has to take it, also beyond its bound: at most a handful of traces come
	// after Room turned false. Of a dropped trace it takes nothing.
	Emit(c *Closed)
}

// closeBatch bounds how many traces, and how many bytes of kept ones, are handed out at a time: it bounds how long a shard's
// lock is held and by how much the emitter's bound is passed.
const (
	closeBatch      = 64
	closeBatchBytes = 1 << 20
)

// closer is the scratch of closing.
type closer struct {
	records  [closeBatch]Record
	verdicts [closeBatch]Verdict
	decides  [closeBatch]bool
	n        int
	bytes    uint64
}

// Decide hands out what came late, and decides the traces that are due. It returns false where it stopped because the
// emitter has no room.
func (b *Buffer) Decide(r Round, d Decider, e Emitter) bool {
	b.closing.Lock()
	defer b.closing.Unlock()
	if !e.Room() {
		return false
	}
	if d.Begin(r.Now) {
		for i := range b.shards {
			b.shards[i].survey(&r, d)
		}
		d.Settle()
	}
	for range b.shards {
		if !b.decideShard(&b.shards[b.turn], &r, d, e) {
			return false // the next call goes on here, so that no shard waits for the emitter longer than others
		}
		b.turn = (b.turn + 1) % len(b.shards)
	}
	return true
}

func (b *Buffer) decideShard(s *shard, round *Round, d Decider, e Emitter) bool {
	for {
		if !e.Room() {
			return false
		}
		more := s.close(&b.closer, round, d, e)
		for i := range b.closer.n {
			b.emit(&b.closer.records[i], b.closer.verdicts[i], b.closer.decides[i], e)
		}
		if !more {
			return true
		}
	}
}

func (b *Buffer) emit(r *Record, v Verdict, decides bool, e Emitter) {
	c := Closed{Record: r, First: r.first, Verdict: v, Chain: b.chain(r.newest, b.inflater), Spans: r.held, Late: r.late, Decides: decides}
	e.Emit(&c)
}

// close decides up to a batch of traces and leaves the kept ones, and those to be looked at, in c. It returns false when nothing is left to do.
func (s *shard) close(c *closer, round *Round, d Decider, e Emitter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.n, c.bytes = 0, 0
	elapsed := round.elapsed()
	for len(s.pending) > 0 && !c.full() {
		position := s.pending[len(s.pending)-1]
		s.pending = s.pending[:len(s.pending)-1]
		r := s.ring.at(position)
		r.Flags &^= pending
		v, decided := r.verdict()
		if !decided {
			v = d.Follow(r)
			v.Known = false // whether a late span arrives in time is no known probability
			r.setVerdict(v)
		}
		s.take(c, r, v, !decided && r.Flags&(Partial|Rescued) != Partial)
	}
	for !c.full() {
		r, due := s.hurry.pop(round.Now, &s.ring, d)
		if r == nil {
			break
		}
		s.tally.decided(max(due, round.Deadline-r.first), elapsed)
		s.decide(c, r, d, e)
	}
	for !c.full() {
		if s.ring.decide == s.ring.next {
			return false
		}
		r := s.ring.at(s.ring.decide)
		if r.first > round.Due {
			return false
		}
		s.ring.decide++
		if r.State != Undecided {
			continue
		}
		if round.Early {
			r.Flags |= Early
			s.tally.EarlyTraces++
		}
		s.tally.decided(round.Deadline-r.first, elapsed)
		s.decide(c, r, d, e)
	}
	return true
}

func (s *shard) decide(c *closer, r *Record, d Decider, e Emitter) {
	v := d.Decide(r)
	if !v.Keep {
		r.State = Dropped
		s.tally.DroppedTraces++
		if v.Policy >= 0 {
			s.tally.DropPolicies++
		}
		if e.Looks(r) {
			c.add(r, v)
		}
		return
	}
	r.setVerdict(v)
	s.tally.KeptTraces++
	s.take(c, r, v, true)
}

// take copies a kept record out and empties its chain. decides: nothing of the trace went out before.
func (s *shard) take(c *closer, r *Record, v Verdict, decides bool) {
	c.decides[c.n] = decides
	c.add(r, v)
	c.bytes += uint64(r.Bytes)
	if decides { // a rescued trace's spans are kept with the new decision
		s.tally.KeptSpans += uint64(r.held)
	} else {
		s.tally.KeptSpans += uint64(r.held - r.late)
		s.tally.LateKept += uint64(r.late)
	}
	r.newest, r.held, r.late = 0, 0, 0
}

func (c *closer) add(r *Record, v Verdict) {
	c.records[c.n], c.verdicts[c.n] = *r, v
	c.n++
}

func (c *closer) full() bool { return c.n == closeBatch || c.bytes >= closeBatchBytes }

// Expire forgets the decided traces whose first span arrived at or before until, and recycles the slabs that nothing
// points into any more. It returns the bytes that came free.
func (b *Buffer) Expire(until int64) int64 {
	b.closing.Lock()
	defer b.closing.Unlock()
	for i := range b.shards {
		b.expireShard(&b.shards[i], until)
	}
	sealed := b.pool.sealedCount() // a slab that is sealed from here on may have records that the horizon misses
	return b.pool.recycle(sealed, b.horizonLocked())
}

func (b *Buffer) expireShard(s *shard, until int64) {
	for more := true; more; { // a lock for each batch, so that requests get through
		s.mu.Lock()
		more = s.expire(until, b.seed)
		s.mu.Unlock()
	}
}

const (
	expireBatch = 512
	touchBatch  = 32
)

// expire pops up to a batch of records; it returns false when none is left to pop.
func (s *shard) expire(until int64, seed seed) bool {
	var hashes [touchBatch]uint64
	for range expireBatch / touchBatch {
		n := 0
		for ; n < touchBatch && s.expired(s.ring.oldest+uint32(n), until); n++ {
			hashes[n] = seed.sum(&s.ring.at(s.ring.oldest + uint32(n)).TraceID)
			s.touchToForget(hashes[n])
		}
		for _, hash := range hashes[:n] {
			s.forget(hash)
		}
		if n < touchBatch {
			s.index.shrink()
			return false
		}
	}
	return true
}

// expired reports whether the record at a position may go.
func (s *shard) expired(position uint32, until int64) bool {
	if position == s.ring.decide {
		return false
	}
	r := s.ring.at(position)
	return r.first <= until && r.Flags&pending == 0
}

// forget pops the oldest record, whose trace has the given hash.
func (s *shard) forget(hash uint64) {
	r := s.ring.at(s.ring.oldest)
	// Only a trace that was opened again, and is Partial since, may be remembered already.
	if kept := r.State == Kept; r.Flags&Partial == 0 || !s.memory.change(hash, kept) {
		s.memory.remember(hash, kept)
	}
	s.tally.DroppedSpans += uint64(r.held - r.late)
	s.tally.LateDropped += uint64(r.late)
	s.index.remove(tagOf(hash), s.ring.oldest)
	s.ring.pop()
}

// horizonLocked returns the earliest first arrival of a record in any ring: what arrived before it is referred to by
// nobody.
func (b *Buffer) horizonLocked() int64 {
	horizon := int64(math.MaxInt64)
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		if s.ring.len() > 0 {
			horizon = min(horizon, s.ring.at(s.ring.oldest).first)
		}
		s.mu.Unlock()
	}
	return horizon
}

// Trim gives memory back to the system that was idle since the last call.
func (b *Buffer) Trim() {
	b.pool.trim()
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		s.ring.trim()
		s.mu.Unlock()
	}
}

// Ages are the first arrivals that the cursors stand at: Oldest of all records, Undecided of the first undecided one.
// Both are math.MaxInt64 where there is none.
type Ages struct{ Oldest, Undecided int64 }

// Ages returns where the cursors stand.
func (b *Buffer) Ages() Ages {
	a := Ages{Oldest: math.MaxInt64, Undecided: math.MaxInt64}
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		if s.ring.len() > 0 {
			a.Oldest = min(a.Oldest, s.ring.at(s.ring.oldest).first)
		}
		if s.ring.decide != s.ring.next {
			a.Undecided = min(a.Undecided, s.ring.at(s.ring.decide).first)
		}
		s.mu.Unlock()
	}
	return a
}

// Held is what the buffer holds at this moment.
type Held struct {
	Traces, Undecided int
	Spans             uint64
	Remembered        int
}

// Tally returns the counts since the start and what is held, consistent with each other shard by shard.
func (b *Buffer) Tally() (Tally, Held) {
	var t Tally
	var h Held
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		t.add(&s.tally)
		h.Traces += s.ring.len()
		h.Undecided += int(s.ring.next - s.ring.decide)
		h.Remembered += s.memory.young.count + s.memory.old.count
		s.mu.Unlock()
	}
	h.Spans = t.Recorded - t.Truncated - t.Lost - t.LateDropped - t.LateKept - t.KeptSpans - t.DroppedSpans
	return t, h
}
