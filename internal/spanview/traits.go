package spanview

import "slices"

// Traits are what a span adds to its trace's record beyond bits, for policies that compare traces with each other. A batch has
// them where [Batch.WantTraits] was called; all zero is a span that adds nothing.
type Traits struct {
	// Sketch is a set of hashed facts of the span, one bit each; a trace's is the OR of its spans'.
	Sketch [2]uint64
	// Key is a hash of what the trace is counted under. The greatest of a trace's spans counts: a root's has the highest bit set.
	Key uint64
	// ErrorSignature is a hash of what went wrong, 0 for a span without an error. The greatest of a trace's spans counts.
	ErrorSignature uint64
}

// Merge adds the traits of another span or trace. The order does not matter, nor does repetition.
func (t *Traits) Merge(o *Traits) {
	t.Sketch[0] |= o.Sketch[0]
	t.Sketch[1] |= o.Sketch[1]
	t.Key = max(t.Key, o.Key)
	t.ErrorSignature = max(t.ErrorSignature, o.ErrorSignature)
}

// WantTraits gives every span of the batch cleared traits and returns them, in the order of Spans.
func (b *Batch) WantTraits() []Traits {
	b.traits = slices.Grow(b.traits[:0], len(b.Spans))[:len(b.Spans)]
	clear(b.traits)
	return b.traits
}

// Traits returns the traits of the batch's spans; none where nobody wanted them.
func (b *Batch) Traits() []Traits { return b.traits }
