package operations

import "math"

const (
	// tickMs is how often limits are drawn anew, in milliseconds.
	tickMs = 5_000
	// halfLifeMs is after which time a duration counts half as much.
	halfLifeMs = 60_000
	// forgetMs is after which time an operation is forgotten, where there is no room for others; sweepMs is how often that is tried.
	forgetMs = 3_600_000
	sweepMs  = 60_000
	// tickBatch bounds how many operations are gone through under one lock.
	tickBatch = 128
)

// Tick tells the table the time in milliseconds, above 0. Every five seconds, and for limits that are new, it draws the limits anew
// from what all lanes noted; when the table is full, it forgets what was not seen for an hour. Ticks must not overlap.
func (t *Table) Tick(now int64, limits []*Limit) {
	if now < t.due && allKnown(limits) {
		t.setTime(now)
		return
	}
	t.due = now + tickMs
	t.lanesMu.Lock()
	defer t.lanesMu.Unlock()
	for _, l := range t.lanes {
		l.mu.Lock()
		l.drain()
		l.mu.Unlock()
	}
	t.setTime(now)
	if t.full.Load() && (t.swept == 0 || now-t.swept >= sweepMs) {
		t.swept = now
		t.sweep(limits)
	}
	t.draw(now, limits)
}

func (t *Table) setTime(now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = now
	if t.start == 0 {
		t.start = now
	}
}

func allKnown(limits []*Limit) bool {
	for _, l := range limits {
		if !l.known {
			return false
		}
	}
	return true
}

// draw lets durations lose weight and draws the limits.
func (t *Table) draw(now int64, limits []*Limit) {
	factor := float32(1)
	if t.decayed != 0 && now > t.decayed {
		factor = float32(math.Exp2(-float64(now-t.decayed) / halfLifeMs))
	}
	t.decayed = now
	t.drawAll(factor, limits)
	for _, l := range limits {
		l.known = true
	}
}

func (t *Table) drawAll(factor float32, limits []*Limit) {
	for from, more := 1, true; more; from += tickBatch {
		more = t.drawBatch(from, factor, limits)
	}
}

func (t *Table) drawBatch(from int, factor float32, limits []*Limit) (more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	to := min(from+tickBatch, len(t.entries))
	for n := from; n < to; n++ {
		h := t.entries[n].durations
		if h != nil {
			h.decay(factor)
		}
		for _, l := range limits {
			l.set(uint32(n), h)
		}
	}
	return to < len(t.entries)
}

// sweep forgets the operations that were not seen for long. All lanes wait for it: their numbers may be given anew.
func (t *Table) sweep(limits []*Limit) {
	defer t.lockLanes()()
	for _, l := range t.lanes {
		l.drain() // what was noted meanwhile has been seen
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	before := len(t.index)
	for hash, n := range t.index {
		if t.now-t.entries[n].seen < forgetMs {
			continue
		}
		delete(t.index, hash)
		t.entries[n] = entry{}
		t.free = append(t.free, n)
		for _, l := range limits {
			l.set(n, nil)
		}
	}
	if len(t.index) == before {
		return
	}
	for _, l := range t.lanes {
		clear(l.slots)
		l.used = 0
	}
	t.full.Store(len(t.index) >= t.options.Max)
}
