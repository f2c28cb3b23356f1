package remotewrite

import (
	"errors"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/segmentlog"
)

// writeLog writes the records of a payload, and makes room for them where the log has reached its bound. All in this file is
// called with the queue's lock.
func (q *Queue) writeLog(p *newRecords, now time.Time) error {
	if len(p.list) == 0 {
		return nil
	}
	records, at := p.prepare()
	need := int64(len(p.memory)) + int64(len(records))*recordOverhead
	if need > q.config.Log.MaxBytes/roomShare {
		return ErrTooLarge
	}
	if err := q.log.Append(records, at); err != nil {
		return err
	}
	q.written(at[0].Segment, now)
	for i := range p.list {
		b, first := p.list[i].batch, p.list[i].batch.stored.first
		b.stored = p.list[i].after
		b.stored.first, b.stored.last = first, at[i]
		if b.stored.records == 1 {
			b.stored.first = at[i].Segment
		}
	}
	return nil
}

// roomShare of the log is kept free for the next payload: it can't be known how large that will be, and what it
// is about to be part of must not be removed meanwhile.
const roomShare = 8

// Capacity is the size of the log from which the oldest is lost.
func (c *LogConfig) Capacity() int64 { return c.MaxBytes - c.MaxBytes/roomShare }

// makeRoom removes the oldest where the log has reached its bound.
func (q *Queue) makeRoom() {
	for q.log.Size() > q.config.Log.Capacity() {
		q.evict(q.log.Oldest(), LostEvicted)
	}
}

// recordOverhead is what a record has beside meta and body at most.
const recordOverhead = 32

// written remembers when a segment got something.
func (q *Queue) written(segment uint64, now time.Time) {
	if n := len(q.ages); n > 0 && q.ages[n-1].segment == segment {
		q.ages[n-1].newest = now
		return
	}
	q.ages = append(q.ages, segmentAge{segment, now, now})
}

// segmentAge is when a segment got something first and last.
type segmentAge struct {
	segment        uint64
	oldest, newest time.Time
}

// commit writes down that a batch is done, and gives space back. What cannot be written is done again after a restart.
func (q *Queue) commit(s *Shard, b *Batch) {
	if q.log == nil || !b.commits {
		return
	}
	empty := q.samples == 0
	if empty && q.log.Size() >= min(worthRemoving, q.config.Log.segmentBytes()/4) {
		q.remove(q.log.Newest()) // it holds nothing any more
		return
	}
	if err := q.writeCommit(s, b.number); err != nil && empty {
		q.remove(q.log.Newest()) // the disk is full, and nothing there is of use
		return
	}
	// What began in the oldest segment or before may have been the last there.
	if b.stored.first <= q.log.Oldest() {
		if oldest := q.oldestSegment(); oldest > q.log.Oldest() {
			q.remove(oldest - 1)
		}
	}
}

// worthRemoving is how large a log must be that holds nothing for it to be removed: a file a request would cost more than it
// gives back.
const worthRemoving = 1 << 20

// writeCommit writes a commit. Where the log has reached its bound it is left out: the batch is sent again after a restart.
func (q *Queue) writeCommit(s *Shard, batch uint64) error {
	if q.log.Size() >= q.config.Log.MaxBytes {
		return nil
	}
	e := entry{kind: kindCommit, route: s.route.headers, generation: s.generation.number, shard: uint32(s.index), batch: batch}
	record := [1]segmentlog.Record{{Meta: e.appendTo(nil)}}
	var at [1]segmentlog.Position
	return q.log.Append(record[:], at[:])
}

// oldestSegment returns the segment in which the oldest batch begins that the log has, 0: it has none.
func (q *Queue) oldestSegment() uint64 {
	oldest := uint64(0)
	q.each(func(s *Shard) {
		for _, b := range s.sealed {
			if first := b.stored.first; first != 0 {
				if oldest == 0 || first < oldest {
					oldest = first
				}
				return
			}
		}
		if s.open != nil && s.open.stored.first != 0 && (oldest == 0 || s.open.stored.first < oldest) {
			oldest = s.open.stored.first
		}
	})
	return oldest
}

// remove removes segments that hold nothing any more.
func (q *Queue) remove(through uint64) {
	_ = q.log.RemoveThrough(through)
	for len(q.ages) > 0 && q.ages[0].segment <= through {
		q.ages = q.ages[1:]
	}
}

var errEvicted = errors.New("the remote-write log reached its bounds")

// evict removes a segment, the oldest, and with it what began in it. A request that is in flight is in memory and goes on.
func (q *Queue) evict(segment uint64, why Loss) {
	q.each(func(s *Shard) {
		if s.open != nil && s.open.stored.first != 0 && s.open.stored.first <= segment {
			s.seal(nil)
		}
		kept := s.sealed[:0:0]
		last := uint64(0)
		for i, b := range s.sealed {
			switch {
			case b.stored.first == 0 || b.stored.first > segment:
				kept = append(kept, b)
			case b.derived || i == 0 && b.Body != nil && !s.busySince.IsZero():
				b.stored.first = 0
				kept = append(kept, b)
			default:
				q.bytes -= len(b.Body)
				q.samples -= b.Counts.sendable()
				q.lost(why, b.Counts, b.Points)
				b.settle(errEvicted)
				last = b.number
				if i == 0 {
					s.busySince = time.Time{}
				}
			}
		}
		s.sealed = kept
		if last != 0 {
			_ = q.writeCommit(s, last) // without it records in later segments are found again, and can't be read
		}
	})
	q.remove(segment)
}

// leastForgotten is the size from which an open batch may be forgotten: it takes nothing in any more then, and batches take
// memory, too. A shard has that much whatever the bound.
func (c *QueueConfig) leastForgotten() int { return min(64<<10, c.MaxBatchBytes/4) }

// trim has the log alone keep bodies, where memory has reached its bound: those of the shard that holds the most first.
// Where that is not enough, because requests in flight take it all, it looks again when there is more to find.
func (q *Queue) trim() {
	if q.log == nil || q.bytes <= max(q.config.MaxBytes, q.trimAgain) {
		return
	}
	for q.bytes > q.config.MaxBytes {
		var largest *Shard
		most := 0
		q.each(func(s *Shard) {
			if n := s.forgettable(); n > most {
				largest, most = s, n
			}
		})
		if largest == nil {
			q.trimAgain = q.bytes + q.config.leastForgotten()
			return
		}
		largest.forget()
	}
	q.trimAgain = 0
}

// forgettable returns how many bytes of a shard the log has too.
func (s *Shard) forgettable() int {
	n := 0
	if s.open != nil && s.encoder.size() >= s.queue.config.leastForgotten() {
		n = s.encoder.size()
	}
	for _, b := range s.waiting() {
		if b.forgettable() {
			n += len(b.Body)
		}
	}
	return n
}

// waiting returns the batches that the sender doesn't have.
func (s *Shard) waiting() []*Batch {
	if len(s.sealed) == 0 || s.busySince.IsZero() {
		return s.sealed
	}
	return s.sealed[1:]
}

// forget forgets what is forgettable.
func (s *Shard) forget() {
	q := s.queue
	if s.open != nil && s.encoder.size() >= s.queue.config.leastForgotten() {
		before := s.encoder.size()
		s.encoder.reset()
		q.bytes += s.encoder.size() - before
		s.sealed = append(s.sealed, s.open)
		s.open = nil
		s.dropEncoders()
	}
	for _, b := range s.waiting() {
		if b.forgettable() {
			q.bytes -= len(b.Body)
			b.Body = nil
		}
	}
}
