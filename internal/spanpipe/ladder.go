package spanpipe

import (
	"sync/atomic"
	"time"
)

// rung is a step of the ladder that the engine goes down where memory or the next consumer can't keep up, and up again by itself.
// What has an error, is slow, or is kept for whatever else is certain, is touched by the last two alone.
type rung uint8

const (
	// rungRescueShortened: dropped traces leave before the end of their rescue window.
	rungRescueShortened rung = iota
	// rungDecidedEarly: traces are decided before their deadline, from what came of them.
	rungDecidedEarly
	// rungBaselineThinned: the output queue is more than half full; of what policies sample less is kept, and its threshold says so.
	rungBaselineThinned
	// rungOutputGivenUp: the output queue is full and refused; its oldest batch is given up.
	rungOutputGivenUp
	// rungRefused: requests are refused, to be sent again.
	rungRefused

	rungs
)

func (r rung) name() string {
	return [rungs]string{"rescue_shortened", "decided_early", "baseline_thinned", "output_given_up", "refused"}[r]
}

// rungMemory is how long a rung is shown after it was used.
const rungMemory = 10 * time.Second

// ladder remembers which rungs were used, and when.
type ladder [rungs]struct {
	count atomic.Uint64
	last  atomic.Int64 // milliseconds of the engine's clock; 0: never
}

func (l *ladder) use(r rung, now int64) {
	l[r].count.Add(1)
	l[r].last.Store(max(now, 1))
}

// Rung is how a step of the ladder stands.
type Rung struct {
	Name string
	// Active: it was used within the last ten seconds. Count is how often it was since the start.
	Active bool
	Count  uint64
}

func (l *ladder) list(now int64) []Rung {
	out := make([]Rung, rungs)
	for r := range rungs {
		last := l[r].last.Load()
		out[r] = Rung{Name: r.name(), Active: last > 0 && now-last < millis(rungMemory), Count: l[r].count.Load()}
	}
	return out
}

// thinningSteps is how many times what is sampled is halved until the output queue is full.
const thinningSteps = 4

// thinningLevel returns how often what policies sample is halved at a fill of the output queue: never up to half of it.
func thinningLevel(held, bound int64) uint32 {
	if held*2 <= bound {
		return 0
	}
	return 1 + uint32(min((held*2-bound)*thinningSteps/bound, thinningSteps))
}

// thin lets policies that sample keep less while the output queue fills up.
func (e *Engine) thin(now int64) {
	level := thinningLevel(e.out.fill())
	if level > 0 {
		e.ladder.use(rungBaselineThinned, now)
	}
	e.plan.Load().policies.Thin(level)
}
