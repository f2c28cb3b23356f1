package tracebuf

// surveyBatch bounds how many records are surveyed under one lock.
const surveyBatch = 512

// survey shows a decider every undecided trace that is due, each once: where deciding stops because the emitter has no room, the next
// round knows of the rest.
func (s *shard) survey(round *Round, d Decider) {
	s.mu.Lock()
	s.hurry.survey(round.Now, &s.ring, d.Survey)
	from := s.ring.decide
	if s.surveyed-from <= s.ring.next-from { // what is before it was shown already
		from = s.surveyed
	}
	s.mu.Unlock()
	for more := true; more; { // records are decided by nobody else meanwhile; new ones come behind those that are due
		s.mu.Lock()
		from, more = s.surveyBatch(from, round, d)
		s.surveyed = from
		s.mu.Unlock()
	}
}

func (s *shard) surveyBatch(from uint32, round *Round, d Decider) (next uint32, more bool) {
	for range surveyBatch {
		if from == s.ring.next {
			return from, false
		}
		r := s.ring.at(from)
		if r.first > round.Due {
			return from, false
		}
		from++
		if r.State == Undecided && r.Flags&surveyed == 0 {
			r.Flags |= surveyed
			d.Survey(r)
		}
	}
	return from, true
}
