package load

import (
	"math/rand/v2"
	"sync"
	"time"
)

// job is one request to be sent.
type job struct {
	round   int
	request int
	cohort  uint64
	base    int64 // when the cohort's traces started, Unix nanoseconds
	due     time.Time
}

// baseAge is how long before its first request a trace started: longer than any span of a plan, so that no span ends in
// the future.
const baseAge = 3 * time.Second

// schedule hands out requests: rounds one after another, the requests of each in an order that only seed and round decide.
type schedule struct {
	plan    *Plan
	cohorts int           // rounds in which traces begin; 0: without end
	every   time.Duration // between two requests; 0: as soon as they are asked for

	mu    sync.Mutex
	round int
	order []int
	bases [SpansPerTrace]int64 // of the last rounds' cohorts
	due   time.Time
}

// maxLag bounds how far a schedule of fixed rate may run behind before it stops trying to catch up.
const maxLag = time.Second

// next returns the next request, false where there is none.
func (s *schedule) next() (job, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if len(s.order) == 0 && !s.beginRound() {
			return job{}, false
		}
		i := s.order[0]
		s.order = s.order[1:]
		round := s.round - 1
		cohort := round - s.plan.requests[i].part
		if cohort < 0 || s.cohorts > 0 && cohort >= s.cohorts {
			continue
		}
		return job{round: round, request: i, cohort: uint64(cohort), base: s.bases[cohort%SpansPerTrace], due: s.nextDue()}, true
	}
}

func (s *schedule) beginRound() bool {
	if s.cohorts > 0 && s.round >= s.cohorts+s.plan.Spec.roundsPerTrace()-1 {
		return false
	}
	s.order = rand.New(rand.NewPCG(s.plan.Spec.Seed, uint64(s.round))).Perm(RequestsPerRound)
	s.bases[s.round%SpansPerTrace] = time.Now().Add(-baseAge).UnixNano()
	s.round++
	return true
}

func (s *schedule) nextDue() time.Time {
	if s.every == 0 {
		return time.Time{}
	}
	now := time.Now()
	if s.due.Before(now.Add(-maxLag)) {
		s.due = now
	}
	due := s.due
	s.due = due.Add(s.every)
	return due
}
