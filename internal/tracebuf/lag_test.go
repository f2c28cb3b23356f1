package tracebuf

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// lagged is when a trace may be decided, as a plain list of reasons.
type lagged struct {
	first, root int64 // arrivals; root 0: none
	sure        bool
	decided     bool
}

// lag returns how long the trace's earliest deadline is past, below 0 where none is. One that is sure waits for no root.
func (l *lagged) lag(now, wait, waitAfterRoot int64, sure bool) int64 {
	lag := now - l.first - wait
	if l.root > 0 && !sure {
		lag = max(lag, now-l.root-waitAfterRoot)
	}
	return lag
}

func binOf(lag int64) int {
	for i, bound := range LagBounds() {
		if lag <= bound {
			return i
		}
	}
	return len(LagBounds())
}

// Rounds come late, are early because of the budget, find no room or take their time; traces are decided by their first
// span's deadline, by their root's, or because they are sure.
func TestDecisionsAreCountedByHowLongTheirDeadlineIsPast(t *testing.T) {
	const wait, waitAfterRoot = 1000, 300
	var all [len(lagBounds) + 1]uint64
	for seed := range uint64(40) {
		h := newHistory(t, seed, 68<<20, 0)
		h.buf.recording.waitAfterRoot, h.buf.recording.decideEarly = waitAfterRoot*int64(seed%3/2), seed%2 == 0
		traces := map[[16]byte]*lagged{}
		var want [len(lagBounds) + 1]uint64
		for range 300 {
			h.now += h.rng.Int64N(40)
			if h.rng.IntN(60) == 0 {
				h.now += h.rng.Int64N(7000) // nothing was decided for a while
			}
			h.rooted = h.rng.IntN(3) == 0
			h.send(h.rng.IntN(6), func() ([16]byte, uint64) {
				id := traceID(1 + h.rng.Uint64N(60) + uint64(h.now)/500*40)
				l := traces[id]
				if l == nil {
					l = &lagged{first: h.now}
					traces[id] = l
				}
				if h.rooted && l.root == 0 && h.buf.recording.waitAfterRoot > 0 {
					l.root = h.now
				}
				if h.rng.IntN(30) == 0 {
					l.sure = true
					return id, bitRescue
				}
				return id, 0
			}, false)
			h.room = h.rng.IntN(5) > 0
			elapsed := h.rng.Int64N(60) - 10 // a clock that was set back counts as one that stands
			r := Round{Now: h.now, Due: h.now - wait, Deadline: h.now - wait, Clock: func() int64 { return h.now + elapsed }}
			if r.Early = h.rng.IntN(10) == 0; r.Early {
				r.Due, r.Clock, elapsed = h.now-200, nil, 0
			}
			if !h.buf.Decide(r, testPolicy{}, h) {
				continue
			}
			for _, l := range traces {
				sure := l.sure && h.buf.recording.decideEarly
				lag := l.lag(h.now, wait, waitAfterRoot, sure)
				switch {
				case l.decided:
				case lag >= 0:
					l.decided = true
					want[binOf(lag+max(elapsed, 0))]++
				default:
					l.decided = sure || l.first <= r.Due
				}
			}
			h.buf.Expire(h.now - 20_000)
		}
		tally, _ := h.buf.Tally()
		require.Equal(t, want, tally.DecidedByLag)
		for i, n := range want {
			all[i] += n
		}
	}
	for i, n := range all {
		require.NotZero(t, n, "no decision tried bin %d", i)
	}
}

func TestARoundWithoutADeadlineCountsNoLag(t *testing.T) {
	h := newHistory(t, 1, 68<<20, 0)
	h.send(5, func() ([16]byte, uint64) { return traceID(h.rng.Uint64()), 0 }, false)
	h.now += 10_000
	require.True(t, h.decide(h.now, false))
	tally, held := h.buf.Tally()
	require.EqualValues(t, 5, tally.DroppedTraces)
	require.Zero(t, held.Undecided)
	require.Zero(t, tally.DecidedByLag)
}
