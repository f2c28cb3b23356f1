package tracebuf

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// surveying notes what it is shown before deciding, and insists that each trace was shown exactly once in its round.
type surveying struct {
	testPolicy
	t       *testing.T
	settled bool
	seen    map[[16]byte]int
}

func (s *surveying) Begin(int64) bool {
	s.seen, s.settled = map[[16]byte]int{}, false
	return true
}
func (s *surveying) Survey(r *Record) { s.seen[r.TraceID]++ }
func (s *surveying) Settle()          { s.settled = true }
func (s *surveying) Decide(r *Record) Verdict {
	require.True(s.t, s.settled)
	require.Equal(s.t, 1, s.seen[r.TraceID], "how often a trace is surveyed before it is decided")
	delete(s.seen, r.TraceID)
	return s.testPolicy.Decide(r)
}

func TestWhatMayBeDecidedBeforeItsDeadlineIs(t *testing.T) {
	const wait, waitAfterRoot = 1000, 100
	for seed := range uint64(30) {
		h := newHistory(t, seed, 68<<20, 0)
		h.buf.recording.waitAfterRoot, h.buf.recording.decideEarly = waitAfterRoot, seed%2 == 0
		type life struct {
			first, root int64 // arrivals; root 0: none
			sure        bool
		}
		traces := map[[16]byte]*life{}
		policy := &surveying{t: t}
		for range 300 {
			h.now += h.rng.Int64N(40)
			rooted := h.rng.IntN(3) == 0
			h.rooted = rooted
			h.send(h.rng.IntN(6), func() ([16]byte, uint64) {
				id := traceID(1 + h.rng.Uint64N(60) + uint64(h.now)/500*40)
				l := traces[id]
				if l == nil {
					l = &life{first: h.now}
					traces[id] = l
				}
				if rooted && l.root == 0 {
					l.root = h.now
				}
				bits := uint64(0)
				if h.rng.IntN(30) == 0 {
					bits, l.sure = bitRescue, true
				}
				return id, bits
			}, false)
			h.room = h.rng.IntN(5) > 0
			if !h.buf.Decide(Round{Now: h.now, Due: h.now - wait}, policy, h) {
				continue
			}
			for i := range h.buf.shards {
				s := &h.buf.shards[i]
				for p := s.ring.oldest; p != s.ring.next; p++ {
					r := s.ring.at(p)
					l := traces[r.TraceID]
					due := l.first+wait <= h.now || l.root > 0 && l.root+waitAfterRoot <= h.now || l.sure && h.buf.recording.decideEarly
					require.Equal(t, due, r.State != Undecided, "trace %+v at %d", l, h.now)
				}
			}
			h.buf.Expire(h.now - 9000)
			h.checkConservation()
		}
		h.room = true
		h.buf.Decide(Round{Now: h.now, Due: h.now}, policy, h)
		h.checkOut(true)
		h.checkConservation()
		for i := range h.buf.shards { // what was passed over is gone from the lists as well
			require.Empty(t, h.buf.shards[i].hurry.sure)
		}
	}
}

func TestTheListOfRootedTracesIsBoundedByWhatIsInIt(t *testing.T) {
	budget := NewBudget(1 << 30)
	h := hurry{budget: budget}
	var r ring
	rng := rand.New(rand.NewPCG(1, 1))
	for now := range int64(200_000) {
		h.addRooted(uint32(now), now+rng.Int64N(2)+50)
		h.pop(now, &r, testPolicy{})
	}
	require.Less(t, cap(h.roots), 1000)
	require.Equal(t, 8*int64(cap(h.roots)), budget.Total())
	h.close()
	require.Zero(t, budget.Total())
}

func TestWhatIsInAHurryIsBookedAndLetGoAfterAPeak(t *testing.T) {
	budget := NewBudget(1 << 30)
	h := hurry{budget: budget}
	var r ring
	booked := func() int64 {
		require.Equal(t, 4*int64(cap(h.sure))+8*int64(cap(h.roots)), budget.Total())
		return budget.Total()
	}
	now := int64(0)
	rounds := func(n, each int) {
		for range n {
			now++
			for i := range uint32(each) {
				h.addSure(i)
				h.addRooted(i, now)
			}
			h.pop(now, &r, testPolicy{})
			booked()
		}
	}
	rounds(1, 100_000)
	require.GreaterOrEqual(t, booked(), int64(1_200_000))
	rounds(20, 1000)
	steady := booked()
	require.Less(t, steady, int64(200_000))
	rounds(20, 1000)
	require.Equal(t, steady, booked(), "what is in use stays")
	rounds(20, 0)
	require.LessOrEqual(t, booked(), int64(12*hurryKept))
	h.close()
	require.Zero(t, budget.Total())
}
