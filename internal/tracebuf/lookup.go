package tracebuf

// Known is what is known of a trace at a moment.
type Known struct {
	// Record is the trace's; nil where it is gone or never was.
	Record *Record
	// First is the arrival of its first span, milliseconds of the caller's clock; Held how many of its spans are in the chain.
	First int64
	Held  uint32
	// Remembered: the record is gone and what was decided is known; then Kept says what.
	Remembered, Kept bool
}

// shownMax is how many spans Lookup shows.
const shownMax = 1000

// Lookup returns what is known of a trace, and shows the latest of the spans that are held of it, newest first. Deciding waits
// meanwhile: it is for a person's question.
func (b *Buffer) Lookup(id [16]byte, show func(Buffered)) Known {
	b.closing.Lock() // keeps the chain's slabs
	defer b.closing.Unlock()
	hash := b.seed.sum(&id)
	s := &b.shards[hash>>b.shardShift]
	known, newest := s.lookup(hash, &id)
	chain := b.chain(newest, b.inflater)
	shown := 0
	for span, ok := chain.Next(); ok && shown < shownMax && chain.Read(&span); span, ok = chain.Next() {
		show(span)
		shown++
	}
	return known
}

func (s *shard) lookup(hash uint64, id *[16]byte) (Known, Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, rec := s.find(hash, id); rec != nil {
		r := *rec
		return Known{Record: &r, First: r.first, Held: r.held}, r.newest
	}
	kept, remembered := s.memory.recall(hash)
	return Known{Remembered: remembered, Kept: kept}, 0
}
