package tracebuf

import "github.com/otelcol-slo/otelcol-slo/internal/spanview"

// Record is what is remembered of a trace from its first span to its decision and through the rescue window, 128 bytes: two
// cache lines.
// It holds no pointer, and folding spans or other records into it gives the same result in any order, so that records of
// one trace from several machines can be merged (docs/adr/0001).
type Record struct {
	TraceID [16]byte

	// MinStart and MaxEnd are Unix nanoseconds over all spans.
	MinStart uint64
	MaxEnd   uint64

	// Bits are sampling's predicates, each set once any span satisfied it.
	Bits uint64

	// Randomness is 1 + the least explicit randomness value (ot=rv) seen, 0 for none.
	Randomness uint64
	// Threshold is 1 + the greatest incoming rejection threshold (ot=th) seen, 0 for none.
	Threshold uint64

	// Traits are what policies compare traces by; zero where no policy does. With the flag judged they are the
	// verdict instead.
	Traits spanview.Traits

	// newest is the last head of the trace's chain; the chain holds what has not been sent.
	newest Ref
	// first is the arrival of the trace's first span, milliseconds of the caller's clock.
	first int64

	// Spans counts the trace's spans, Errors those of status ERROR, Bytes the bodies of all of them. They saturate.
	Spans  uint32
	Errors uint32
	Bytes  uint32

	// held counts the chain's spans, late those of them that came after the decision.
	held uint32
	late uint32

	State State
	Flags Flags
}

// State is where a trace stands.
type State uint8

const (
	// Undecided: spans are collected, the deadline has not come.
	Undecided State = iota
	// Dropped: decided; the spans stay in their slabs through the rescue window.
	Dropped
	// Kept: decided and handed to the emitter; late spans follow.
	Kept
)

// Flags are facts of a trace that only ever get set.
type Flags uint16

const (
	// Truncated: the trace passed its byte cap; ordinary spans beyond it were counted but not buffered.
	Truncated Flags = 1 << iota
	// Partial: the trace was kept when some of its spans were gone.
	Partial
	// Early: the trace was decided before its deadline, because the budget was used up or because nothing could change the decision:
	// more of it may come.
	Early
	// MixedThreshold: spans of the trace came with different incoming thresholds, or some with none.
	MixedThreshold
	// Rescued: a late span turned the decision from drop to keep.
	Rescued
	// Rooted: a span without a parent came.
	Rooted
	// pending: the record is in its shard's pending list.
	pending
	// hurried, sure: the record is in its shard's lists of traces that may be decided before their deadline.
	hurried
	sure
	// surveyed: a round knows the trace already.
	surveyed
	// judged: the trace is kept, and the record says by which verdict.
	judged
)

const internalFlags = pending | hurried | sure | surveyed | judged

// setVerdict makes the record a kept one, and notes why: what comes late goes out with the same verdict.
func (r *Record) setVerdict(v Verdict) {
	r.State = Kept
	r.Flags |= judged
	r.Traits = spanview.Traits{ErrorSignature: uint64(v.Policy + 1)}
	if v.Known {
		r.Traits.Key = 1 + v.Threshold
	}
}

// verdict returns what setVerdict noted; false where it is not known, because a late span made the record a kept one.
func (r *Record) verdict() (Verdict, bool) {
	t := &r.Traits
	v := Verdict{Keep: true, Policy: int(t.ErrorSignature) - 1, Known: t.Key > 0}
	if v.Known {
		v.Threshold = t.Key - 1
	}
	return v, r.Flags&judged != 0
}

// Extent returns MaxEnd - MinStart in nanoseconds, 0 where the end lies before the start.
func (r *Record) Extent() uint64 {
	if r.MaxEnd < r.MinStart {
		return 0
	}
	return r.MaxEnd - r.MinStart
}

// First returns the arrival of the trace's first span, milliseconds of the caller's clock.
func (r *Record) First() int64 { return r.first }

// Fold adds a span to the record.
func (r *Record) Fold(s *spanview.Span) {
	if r.Spans == 0 {
		r.MinStart, r.MaxEnd = s.Start, s.End
		r.Randomness, r.Threshold = s.Randomness, s.Threshold
	} else {
		r.MinStart = min(r.MinStart, s.Start)
		r.MaxEnd = max(r.MaxEnd, s.End)
		if s.Randomness != r.Randomness || s.Threshold != r.Threshold {
			r.foldProbability(s.Randomness, s.Threshold)
		}
	}
	r.Bits |= s.Bits
	r.Spans = addSaturated(r.Spans, 1)
	r.Bytes = addSaturated(r.Bytes, s.Raw.Len)
	if s.Status == spanview.StatusError {
		r.Errors = addSaturated(r.Errors, 1)
	}
	if s.ParentID == [8]byte{} {
		r.Flags |= Rooted
	}
}

func (r *Record) foldProbability(randomness, threshold uint64) {
	if randomness != 0 && (r.Randomness == 0 || randomness < r.Randomness) {
		r.Randomness = randomness
	}
	if threshold != r.Threshold {
		r.Flags |= MixedThreshold
		r.Threshold = max(r.Threshold, threshold)
	}
}

// Merge adds what another machine recorded of the same trace. Chains and states stay as they are.
func (r *Record) Merge(o *Record) {
	if o.Spans == 0 {
		return
	}
	if r.Spans == 0 {
		r.MinStart, r.MaxEnd, r.Randomness, r.Threshold = o.MinStart, o.MaxEnd, o.Randomness, o.Threshold
	} else {
		r.MinStart = min(r.MinStart, o.MinStart)
		r.MaxEnd = max(r.MaxEnd, o.MaxEnd)
		r.foldProbability(o.Randomness, o.Threshold)
	}
	r.Bits |= o.Bits
	r.Spans = addSaturated(r.Spans, o.Spans)
	r.Bytes = addSaturated(r.Bytes, o.Bytes)
	r.Errors = addSaturated(r.Errors, o.Errors)
	r.Flags |= o.Flags &^ internalFlags
	r.Traits.Merge(&o.Traits)
}

func addSaturated(a, b uint32) uint32 {
	if s := a + b; s >= a {
		return s
	}
	return ^uint32(0)
}
