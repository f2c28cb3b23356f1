package translate

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// Accumulator makes series of delta points cumulative: it holds the sum of each. It may be used by any number of
// goroutines, one of which is in [Accumulator.Run] at a time.
//
// A series takes about 300 bytes, twice that as an exponential histogram, and 8 more for each bucket. What is held is lost
// with the process: the series begin anew then, which their start timestamps say.
type Accumulator struct {
	maxSeries int
	maxStale  time.Duration
	seed      maphash.Seed
	held      atomic.Int64

	mu     sync.Mutex
	series map[deltaKey]*deltaSeries
	// The series by when they were added to last.
	oldest, newest *deltaSeries
	now            time.Time
	// undo is what has changed since Run began, oldest first.
	undo   []change
	bounds []float64 // of the explicit histogram that began last
}

// deltaKey tells series apart: by two hashes of name and labels, one of which nobody outside can know.
type deltaKey struct {
	hash, secret uint64
	kind         deltaKind
}

type deltaSeries struct {
	accumulated
	key          deltaKey
	seen         time.Time
	older, newer *deltaSeries
}

// change is what a series was before it was changed; existed: it was there.
type change struct {
	key     deltaKey
	before  accumulated
	existed bool
}

// NewAccumulator returns an empty accumulator that holds at most a number of series, and forgets those without a new point
// for longer than maxStale; 0: it never does.
func NewAccumulator(maxSeries int, maxStale time.Duration) *Accumulator {
	return &Accumulator{maxSeries: maxSeries, maxStale: maxStale, seed: maphash.MakeSeed(), series: map[deltaKey]*deltaSeries{}}
}

// Series returns how many series are held.
func (a *Accumulator) Series() int { return int(a.held.Load()) }

// Run calls f, which translates one payload with [Translator.FillShare] and queues it. Others wait meanwhile: what
// is accumulated first is queued first. Where f fails all is as it was before, so that the payload may come again.
// Of a nil accumulator it only calls f.
func (a *Accumulator) Run(now time.Time, f func() error) error {
	if a == nil {
		return f()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := false
	defer func() {
		if !kept {
			a.takeBack()
		}
		clear(a.undo)
		a.undo = a.undo[:0]
		a.held.Store(int64(len(a.series)))
	}()
	a.expire(now)
	err := f()
	kept = err == nil
	return err
}

func (a *Accumulator) identity(share, name string, labels []remotewrite.Label, d *deltaPoint) deltaKey {
	var h maphash.Hash
	h.SetSeed(a.seed)
	_, _ = h.WriteString(share)
	_ = h.WriteByte(separator)
	_, _ = h.WriteString(name)
	for i := range labels {
		_ = h.WriteByte(separator)
		_, _ = h.WriteString(labels[i].Name)
		_ = h.WriteByte(separator)
		_, _ = h.WriteString(labels[i].Value)
	}
	return deltaKey{hash: d.point.key, secret: h.Sum64(), kind: d.kind}
}

// add adds a point to its series and returns the sum, or why it cannot be added.
func (a *Accumulator) add(key deltaKey, d *deltaPoint) (accumulated, Reason, bool) {
	s, existed := a.series[key]
	var before accumulated
	switch {
	case existed && d.point.timestamp <= s.last:
		return accumulated{}, DeltaOutOfOrder, false
	case existed:
		before = s.accumulated
	case len(a.series) >= a.maxSeries:
		return accumulated{}, DeltaSeriesLimit, false
	}
	after := before
	if !after.add(a, d) {
		return accumulated{}, InvalidHistogram, false
	}
	a.undo = append(a.undo, change{key, before, existed})
	if existed {
		a.unlink(s)
	} else {
		s = &deltaSeries{key: key}
		a.series[key] = s
	}
	a.link(s)
	s.accumulated = after
	return after, 0, true
}

// forget ends a series at a time and returns its last sum, if there is one. It reports false where the series went on
// since.
func (a *Accumulator) forget(key deltaKey, timestamp int64) (accumulated, bool) {
	s, existed := a.series[key]
	switch {
	case !existed:
		return accumulated{}, true
	case timestamp <= s.last:
		return accumulated{}, false
	}
	a.undo = append(a.undo, change{key, s.accumulated, true})
	a.remove(s)
	return s.accumulated, true
}

// takeBack undoes what has changed since Run began. A series stays as new as it became.
func (a *Accumulator) takeBack() {
	for i := len(a.undo) - 1; i >= 0; i-- {
		c := &a.undo[i]
		s, there := a.series[c.key]
		switch {
		case !c.existed:
			a.remove(s)
			continue
		case !there:
			s = &deltaSeries{key: c.key}
			a.series[c.key] = s
			a.link(s)
		}
		s.accumulated = c.before
	}
}

// expire forgets the series that had no new point for too long.
func (a *Accumulator) expire(now time.Time) {
	if now.After(a.now) {
		a.now = now
	}
	for a.maxStale > 0 && a.oldest != nil && a.now.Sub(a.oldest.seen) > a.maxStale {
		a.remove(a.oldest)
	}
}

func (a *Accumulator) remove(s *deltaSeries) {
	delete(a.series, s.key)
	a.unlink(s)
}

// link makes a series the newest.
func (a *Accumulator) link(s *deltaSeries) {
	s.seen = a.now
	s.older, s.newer = a.newest, nil
	if a.newest != nil {
		a.newest.newer = s
	} else {
		a.oldest = s
	}
	a.newest = s
}

func (a *Accumulator) unlink(s *deltaSeries) {
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		a.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		a.newest = s.older
	}
}
