package slo

import (
	"sync"
	"sync/atomic"
	"time"
)

// An error budget burns at a rate: the share of bad events over the share that the objective allows. At 14.4 an hour
// takes 2 % of the budget of 30 days (https://sre.google/workbook/alerting-on-slos/, "multiwindow, multi-burn-rate").
const (
	burnRateTenths = 144
	burnLong       = time.Hour
	burnShort      = 5 * time.Minute
	// burnBadMin is how many bad events it takes in the long window, so that one of few does not make a fire.
	burnBadMin = 10
	// burnEvery is how often it is judged.
	burnEvery = 5 * time.Second

	burnLongCells  = 12
	burnShortCells = 10
	// burnSubjectsMax bounds what is judged, of all SLOs together: services, and groups where an SLO has others.
	burnSubjectsMax = 50_000
	// burnSubjectBytes is what one takes.
	burnSubjectBytes = (burnLongCells+2+burnShortCells+2)*16 + 1
)

// burns judges a service or group. budget is the share of events that may be bad, in parts per billion. It begins when
// both windows are at the rate or, where the budget is so large that hardly any share of bad events is, half-way from it
// to all; it ends when the short one is at less than half of that, or within the budget.
func burns(before bool, budget uint64, long, short count) bool {
	begin := min(budget*burnRateTenths/10, (objectiveOne+budget)/2)
	if before {
		return short.reaches(max(begin/2, budget))
	}
	return long.bad >= burnBadMin && long.reaches(begin) && short.reaches(begin)
}

// Burning tells how many services an SLO's budget burns for at the moment.
type Burning struct {
	SLO      string
	Services int
}

// Burning returns how the SLOs stood at the last [Counter.Turn], in the order of their declaration.
func (c *Counter) Burning() []Burning {
	b := &c.ledger.burner
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Burning, len(c.slos))
	for i, s := range c.slos {
		out[i] = Burning{SLO: s.name}
		if id := s.series.id; id < len(b.tracks) {
			out[i].Services = b.tracks[id].burning
		}
	}
	return out
}

// Turn judges every few seconds which budgets burn; in between it does nothing. The times are those of the caller's
// clock, from Options.Start on.
func (c *Counter) Turn(now time.Time) {
	b := &c.ledger.burner
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.last) < burnEvery {
		return
	}
	b.last = now
	wanted := make(map[*series]*slo, len(c.slos))
	for _, s := range c.slos {
		wanted[s.series] = s
	}
	at := b.slots()
	before := b.subjects
	var found burning
	for _, s := range c.ledger.snapshot() {
		counts, _ := c.ledger.sum(s)
		t := b.trackOf(s)
		t.judge(b, wanted[s], s.snapshot()[:len(counts)], counts, at)
		if t.burning > 0 {
			for len(found) <= s.id {
				found = append(found, nil)
			}
			found[s.id] = t.bits()
		}
	}
	c.ledger.bytes.Add(int64(b.subjects-before) * burnSubjectBytes)
	if found == nil {
		b.now.Store(nil)
	} else {
		b.now.Store(&found)
	}
}

// burner knows which budgets burn. It is part of the ledger: what burns goes on burning over a reload.
type burner struct {
	mu          sync.Mutex // protects all but now
	last        time.Time
	long, short window
	tracks      []*track // by series id
	subjects    int      // of all tracks

	// now is what Observe reads; nil while nothing burns.
	now atomic.Pointer[burning]
}

// init must be called first. The windows begin at start.
func (b *burner) init(start time.Time) {
	b.last = start
	b.long, b.short = newWindow(burnLong, burnLongCells, start), newWindow(burnShort, burnShortCells, start)
}

// burning is a set of groups: by series id a bit for each group. It is immutable.
type burning [][]uint64

func (b burning) has(series, group int32) bool {
	if int(series) >= len(b) {
		return false
	}
	words := b[series]
	return int(group>>6) < len(words) && words[group>>6]>>(group&63)&1 != 0
}
