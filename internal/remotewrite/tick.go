package remotewrite

import "time"

// Tick does what is due at a time: it opens generations where the load has changed, removes what is too old and what has no
// use any more, and has the log written to the disk. It is to be called about once a second, by one goroutine.
func (q *Queue) Tick(now time.Time) error {
	q.tick(now)
	if q.log == nil {
		return nil
	}
	return q.log.Sync()
}

func (q *Queue) tick(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	for _, r := range q.routes {
		if r.pace.due(now) {
			r.resize(now)
		}
		if r.idle(now) {
			r.newest().close()
		}
	}
	q.each(func(s *Shard) {
		if s.oldest() == nil && now.Sub(s.used) > idleAfter {
			s.dropEncoders()
		}
	})
	if q.log == nil || q.config.Log.MaxAge == 0 {
		return
	}
	// A segment is as young as the newest in it: none may take long.
	if n := len(q.ages); n > 0 && now.Sub(q.ages[n-1].oldest) > q.config.Log.MaxAge/32 {
		q.log.Roll()
	}
	for len(q.ages) > 0 && now.Sub(q.ages[0].newest) > q.config.Log.MaxAge {
		q.evict(q.ages[0].segment, LostTooOld)
	}
}
