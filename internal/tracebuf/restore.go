package tracebuf

// RememberKept notes that a trace was kept by an earlier process: its spans to come follow it.
func (b *Buffer) RememberKept(id [16]byte) {
	hash := b.seed.sum(&id)
	s := &b.shards[hash>>b.shardShift]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.memory.recall(hash); !known {
		s.memory.remember(hash, true)
	}
}

// BeginAsDropped has new records of the traces that was tells begin as dropped, which they were by an earlier process; nil ends
// that. No request may be open.
func (b *Buffer) BeginAsDropped(was func(id *[16]byte) bool) { b.recording.wasDropped = was }
