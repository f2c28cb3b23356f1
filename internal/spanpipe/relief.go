package spanpipe

import (
	"math"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// relieve goes down the ladder at the budget until something came free:
//
//  1. what is held is compressed, where sampling.compression says so, also the latest of it;
//  2. dropped traces leave before the end of their rescue window, the oldest first;
//  3. the oldest undecided traces are decided early, but not within decision_wait_min of their first span;
//  4. where the output queue is what is full and its receiver refuses, its oldest batch is given up.
//
// It returns false when none of it helped. Steps are a fraction of what there is, so that relief is not needed again for
// the very next request.
func (e *Engine) relieve(now int64) bool {
	e.reliefMu.Lock()
	defer e.reliefMu.Unlock()
	e.counts.reliefs.Add(1)
	return e.recycle() || e.compressAll() || e.shrinkRescue(now) || e.decideEarly(now) || e.giveUpOldest(now)
}

// recycle frees slabs that are of no use any more: one that was sealed since the last tick may be.
func (e *Engine) recycle() bool { return e.buf.Expire(0) > 0 }

// mayFit is false for a body that has no room beside the in-flight share even where nothing else is held: going down the
// ladder for it would cost everything and gain nothing.
func (e *Engine) mayFit(size int) bool { return int64(size) <= e.budget.Limit()-e.gate.max }

const reliefSteps = 32

func (e *Engine) giveUpOldest(now int64) bool {
	b := e.out.giveUpOldest()
	if b == nil {
		return false
	}
	e.counts.sendFailed(b)
	e.keepSent(b)
	e.ladder.use(rungOutputGivenUp, now)
	return true
}

func (e *Engine) shrinkRescue(now int64) bool {
	for {
		ages := e.buf.Ages()
		decided := min(ages.Undecided, now)
		if ages.Oldest >= decided {
			return false
		}
		until := ages.Oldest + max((decided-ages.Oldest)/reliefSteps, 20)
		if e.buf.Expire(until) > 0 {
			e.ladder.use(rungRescueShortened, now)
			return true
		}
		if e.buf.Ages().Oldest <= ages.Oldest { // held up by what waits to be sent
			return false
		}
	}
}

func (e *Engine) decideEarly(now int64) bool {
	limit := now - millis(e.cfg.Sampling.DecisionWaitMin)
	for {
		first := e.buf.Ages().Undecided
		if first > limit {
			return false
		}
		due := min(first+max((limit-first)/reliefSteps, 20), limit)
		if !e.buf.Decide(tracebuf.Round{Now: now, Due: due, Early: true, Deadline: now - millis(e.cfg.Sampling.DecisionWait)}, &e.deciding, &e.emitter) {
			return false
		}
		if e.buf.Expire(due) > 0 {
			e.ladder.use(rungDecidedEarly, now)
			return true
		}
	}
}

// tick decides what is due and lets go of what is past its rescue window.
func (e *Engine) tick(now time.Time) {
	ms := e.clock(now)
	e.lastTick.Store(ms)
	e.coverage.Turn(now)
	e.thin(ms)
	e.plan.Load().slo.Turn(now)
	if ms >= e.bookDue {
		e.bookDue = ms + bookEvery
		e.bookSeries()
	}
	wait := millis(e.cfg.Sampling.DecisionWait)
	began := time.Now()
	clock := func() int64 { return ms + time.Since(began).Milliseconds() }
	e.buf.Decide(tracebuf.Round{Now: ms, Due: ms - wait, Deadline: ms - wait, Clock: clock}, &e.deciding, &e.emitter)
	e.buf.Expire(ms - wait - millis(e.cfg.Sampling.RescueWindow))
	e.out.sealOlderThan(ms)
	e.tickStore(now)
}

// decideAll decides everything that is held, deadline or not, and reports whether it could.
func (e *Engine) decideAll() bool {
	return e.buf.Decide(tracebuf.Round{Now: e.lastTick.Load(), Due: math.MaxInt64}, &e.deciding, &e.emitter)
}

func millis(d time.Duration) int64 { return d.Milliseconds() }
