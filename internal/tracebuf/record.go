package tracebuf

// Record is what is remembered of a trace from its first span to its decision and through the rescue window. It is
// fixed in size, holds no pointer, and folding spans or other records into it gives the same result in any order, so
// that records of one trace from several machines can be merged (docs/adr/0001).
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

	// newest is the last span head of the trace's chain.
	newest Ref

	// first is the arrival of the trace's first span, milliseconds of the engine's clock.
	first int64

	// Spans counts the trace's spans, Errors those of status ERROR, Bytes the buffered spans' bytes. They saturate.
	Spans  uint32
	Errors uint32
	Bytes  uint32

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
	// Kept: decided and handed to the output queue; late spans follow one by one.
	Kept
)

// Flags are facts of a trace that only ever get set.
type Flags uint8

const (
	// Truncated: the trace passed its byte cap; spans beyond it were counted but not buffered.
	Truncated Flags = 1 << iota
	// Partial: the trace was kept after some of its spans were gone.
	Partial
	// Early: the trace was decided before its deadline because the budget was used up.
	Early
	// MixedThreshold: spans of the trace came with different incoming thresholds, or some with none.
	MixedThreshold
)

// Extent returns MaxEnd - MinStart in nanoseconds, 0 where the end lies before the start.
func (r *Record) Extent() uint64 {
	if r.MaxEnd < r.MinStart {
		return 0
	}
	return r.MaxEnd - r.MinStart
}
