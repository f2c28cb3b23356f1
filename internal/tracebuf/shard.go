package tracebuf

import (
	"sync"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// Judge tells what a span means for its trace as it arrives. It is called under a shard's lock and must be pure.
type Judge interface {
	// Rescues reports whether a dropped trace has to be kept after all; before is its record without the late span, r with it.
	Rescues(before, r *Record) bool
	// RescuesAlone reports the same for a late span whose trace is remembered by its decision alone.
	RescuesAlone(s *spanview.Span) bool
	// Decisive reports whether an undecided trace will be kept whatever else arrives of it.
	Decisive(r *Record) bool
}

// shard is a part of the trace table.
type shard struct {
	mu    sync.Mutex // protects all below
	index index
	ring  ring
	// hurry are the traces that may be decided before their deadline.
	hurry hurry
	// surveyed is the ring position up to which traces were shown to the decider.
	surveyed uint32
	// before is scratch: a record without a late span.
	before Record
	// pending are the records with spans to be sent although their trace was decided before.
	pending []uint32
	memory  decisions
	// last keeps the ring's arrivals in order when requests overtake each other or the clock is set back.
	last int64

	tally Tally

	touched uint64 // makes touch's loads count

	_ [64]byte // keeps two shards' locks in different cache lines
}

// touchIndex loads the slot where a trace is looked up. Called for many hashes in a row before they are looked up one by
// one, it lets the processor wait for all of these cache misses at once.
func (s *shard) touchIndex(hash uint64) {
	s.touched += s.index.entries[tagOf(hash)&s.index.mask]
}

// touchTrace does the same, behind touchIndex, for what is looked at next: a trace's record or, where there is none, the
// slots where its decision is remembered.
func (s *shard) touchTrace(hash uint64) {
	tag := tagOf(hash)
	x := &s.index
	for i := tag & x.mask; x.entries[i] != 0; i = (i + 1) & x.mask {
		if uint32(x.entries[i]>>32) == tag {
			rec := s.ring.at(uint32(x.entries[i]))
			s.touched += rec.MinStart + uint64(rec.State) // its first and its last line
			return
		}
	}
	s.touched += s.memory.young.home(hash) + s.memory.old.home(hash)
}

// touchToForget does the same for the slots that forget changes.
func (s *shard) touchToForget(hash uint64) {
	s.touched += s.index.entries[tagOf(hash)&s.index.mask] + s.memory.young.home(hash)
}

// find returns the position and record of a trace.
func (s *shard) find(hash uint64, id *[16]byte) (uint32, *Record) {
	tag := tagOf(hash)
	x := &s.index
	for i := tag & x.mask; ; i = (i + 1) & x.mask {
		e := x.entries[i]
		if e == 0 {
			return 0, nil
		}
		if uint32(e>>32) != tag {
			continue
		}
		if rec := s.ring.at(uint32(e)); rec.TraceID == *id {
			return uint32(e), rec
		}
	}
}

// insert adds a record for a trace that has none.
func (s *shard) insert(hash uint64, id *[16]byte, now int64) (uint32, *Record, error) {
	position, rec, err := s.ring.push()
	if err != nil {
		return 0, nil, err
	}
	if err := s.index.add(tagOf(hash), position); err != nil {
		s.ring.next--
		return 0, nil, err
	}
	s.last = max(s.last, now)
	rec.TraceID = *id
	rec.first = s.last
	s.tally.NewTraces++
	return position, rec, nil
}

// open returns the record that a span belongs to, a new one for a new trace. It returns nil where the span has to be
// left alone: its trace was dropped and is gone, or the system has no memory for a record.
func (s *shard) open(span *spanview.Span, hash uint64, now int64, judge Judge) (uint32, *Record) {
	position, rec := s.find(hash, &span.TraceID)
	if rec != nil {
		return position, rec
	}
	kept, known := s.memory.recall(hash)
	if known && !kept && !judge.RescuesAlone(span) {
		s.tally.LateDropped++
		s.tally.lateAge(ageGone)
		return 0, nil
	}
	position, rec, err := s.insert(hash, &span.TraceID, now)
	if err != nil {
		s.tally.Lost++
		return 0, nil
	}
	if known {
		s.reopen(hash, rec, kept)
	}
	return position, rec
}

// reopen marks the record of a trace that was decided in an earlier life.
func (s *shard) reopen(hash uint64, rec *Record, kept bool) {
	s.tally.NewTraces--
	rec.State = Kept
	rec.Flags |= Partial
	if !kept {
		rec.Flags |= Rescued
		s.tally.RescuedPartial++
		s.memory.change(hash, true)
	}
	// Its ring position lies behind undecided ones, so the decide cursor will pass over it.
}

// hasten notes that a trace may be decided before its deadline.
func (s *shard) hasten(position uint32, rec *Record, w *recording) {
	if w.waitAfterRoot > 0 && rec.Flags&(Rooted|hurried) == Rooted {
		rec.Flags |= hurried
		s.hurry.addRooted(position, w.now+w.waitAfterRoot)
	}
	if w.decideEarly && rec.Flags&sure == 0 && w.judge.Decisive(rec) {
		rec.Flags |= sure
		s.hurry.addSure(position)
	}
}

// add folds a span into its record and chains its head. Beyond the trace's byte cap only spans are chained that match a predicate
// of a policy which none of the trace did before.
func (s *shard) add(position uint32, rec *Record, span *spanview.Span, traits *spanview.Traits, h *Head, ref Ref, w *recording) {
	full := rec.Bytes > w.traceBytesMax && span.Bits&^rec.Bits == 0
	if rec.State == Dropped {
		s.before = *rec
	}
	if traits != nil && rec.Flags&judged == 0 {
		rec.Traits.Merge(traits)
	}
	rec.Fold(span)
	switch {
	case full:
		rec.Flags |= Truncated
		s.tally.Truncated++
	default:
		h.Next = rec.newest
		rec.newest = ref
		rec.held++
	}
	if rec.State == Undecided {
		s.hasten(position, rec, w)
		return
	}
	if !full {
		rec.late++
		s.tally.lateAge(max(w.now-rec.first, 0))
	}
	if rec.State == Dropped && w.judge.Rescues(&s.before, rec) {
		rec.State = Kept
		rec.Flags |= Rescued
		s.tally.RescuedWhole++
	}
	if rec.State == Kept && rec.Flags&pending == 0 && rec.held > 0 {
		rec.Flags |= pending
		s.pending = append(s.pending, position)
	}
}
