package sampling

import (
	"math"
	"sync/atomic"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
)

// adaptive is a condition that holds for as many traces as a rate allows, fairly shared between keys: up to a level, the same for all,
// a key's traces pass whole; of a key above it, a share that brings it down to the level. Each key has one threshold a round.
//
// The level is set, as water finds it, so that the estimated rates of all keys, cut off at it, are the target. What was really spent fills or
// empties a balance, and the level follows that. No round costs more, on average, than the balance allows, so that a burst is met
// before any estimate knows of it. As in a limiter, all hangs on the costs of traces, never on their randomness, and no share is nothing.
//
// A trace whose key had none kept for a time is kept whatever the threshold. No threshold tells such a trace's probability.
type adaptive struct {
	cost   func(f facts) int64
	target float64 // tokens a second, above 0
	// signatures: the key is the error signature, and a trace without one does not match.
	signatures bool
	// gap is how long a key may go without a trace that is kept, in milliseconds; 0: forever.
	gap int64
	// against: it speaks against keeping a trace, so that a late span uses up nothing of it.
	against bool

	// Of the rounds, which are serialized.
	rates   keyRates
	shares  []share
	leaving []int
	balance float64 // tokens
	now     int64   // of the last round; 0: none yet

	table keyTable
	// thresholds are those of the last round, late what traces cost that were asked about late since, owed what was let pass since.
	thresholds []atomic.Uint64
	late       []atomic.Int64
	owed       atomic.Int64
	figures    adaptiveFigures
}

// adaptiveOf is one with the number of its policy, which a reload may change.
type adaptiveOf struct {
	*adaptive
	index int
}

// adaptiveFigures are of the last round.
type adaptiveFigures struct {
	keys         atomic.Int64
	level, share atomic.Uint64 // bits of floats
}

// prepare makes a condition ready that differs from others in its key and rate.
func (a *adaptive) prepare(keysMax int, e estimates) {
	a.table = newKeyTable(keysMax)
	a.rates = newKeyRates(e, keysMax+1)
	a.shares = make([]share, keysMax+1)
	a.leaving = make([]int, 0, keysMax)
	a.thresholds = make([]atomic.Uint64, keysMax+1)
	a.late = make([]atomic.Int64, keysMax+1)
	a.balance = balanceMax * a.target
	a.figures.share.Store(math.Float64bits(1))
}

// keyOf returns a trace's key; false: the policy is not for it.
func (a *adaptive) keyOf(f *facts) (key uint64, matches bool) {
	key = f.traits.Key
	if a.signatures {
		key = f.traits.ErrorSignature
		if key == 0 && (!f.alone || !f.failed) {
			return 0, false
		}
	}
	return max(key, 1), true // a trace without a key has one, too
}

func (a *adaptive) eval(f facts) outcome {
	key, matches := a.keyOf(&f)
	if !matches {
		return failsNow
	}
	cost := a.cost(f)
	switch f.asked {
	case asBefore:
		return holds
	case asSurveyed:
		e := a.table.open(key)
		a.rates.list[e].note(float64(cost))
		return outcome{threshold: a.thresholds[e].Load()}
	case asDecided:
		e := a.table.find(key)
		return a.decide(e, cost, f.randomness)
	case asLate:
		if a.against {
			break // and whether it was the one of its key can't be told
		}
		e := a.table.find(key)
		a.late[e].Add(cost)
		threshold := a.thresholds[e].Load()
		if threshold <= f.randomness {
			a.owed.Add(cost)
		}
		return outcome{threshold: threshold}
	}
	if f.asked == asLate && a.gap > 0 {
		return outcome{threshold: 0, aside: true}
	}
	return outcome{threshold: a.thresholds[a.table.find(key)].Load()}
}

func (a *adaptive) decide(e int, cost int64, randomness uint64) outcome {
	threshold := a.thresholds[e].Load()
	k := &a.rates.list[e]
	short := threshold > randomness
	if short && (a.gap == 0 || k.kept != 0 && a.now-k.kept < a.gap) {
		return outcome{threshold: threshold}
	}
	a.owed.Add(cost)
	k.kept = a.now
	if short {
		return outcome{threshold: 0, aside: true}
	}
	return outcome{threshold: threshold}
}

// forget clears an entry that has no key any more.
func (a *adaptive) forget(e int) {
	a.rates.clear(e)
	a.thresholds[e].Store(0)
	a.late[e].Store(0)
}

const (
	// balanceMax and balanceMin bound the balance, in seconds of the target: what may be spent at once after a pause, and what may be owed.
	balanceMax = 2
	balanceMin = -10
	// balanceAim is where the balance is held.
	balanceAim = 1
	// adaptivePatience is how many seconds off its aim make the level aim at e times as much or as little.
	adaptivePatience = 2
)

// settle ends the survey of a round: it sets the thresholds.
func (a *adaptive) settle(now int64) {
	elapsed := int64(0)
	if a.now != 0 {
		elapsed = max(now-a.now, 0)
	}
	a.now = max(a.now, now)
	if a.rates.renewal(a.now, a.table.used) {
		a.sweep()
	}
	brings := a.target * seconds(elapsed)
	a.balance = min(a.balance+brings, balanceMax*a.target) - float64(a.owed.Swap(0))
	a.balance = max(a.balance, balanceMin*a.target)

	used := a.table.used
	shares := a.shares[:used]
	for e := range shares {
		rate := a.rates.rate(e, a.now, elapsed, float64(a.late[e].Swap(0)))
		shares[e] = share{rate: rate, mass: rate}
	}
	level := a.level(shares, max(brings, a.target*seconds(roundMin)))
	a.apply(shares, level)
}

// level returns the level for a round's shares, of which it makes what they cost this round.
func (a *adaptive) level(shares []share, brings float64) float64 {
	behind := a.balance/a.target - balanceAim
	steady := waterLevel(shares, a.target*math.Exp(behind/adaptivePatience))
	for e := range shares {
		shares[e].mass = a.rates.list[e].noted
	}
	may := a.balance
	if may < brings {
		may = brings * math.Exp((may-brings)/(a.target*adaptivePatience))
	}
	return min(steady, waterLevel(shares, may))
}

// apply sets the thresholds to a level and ends the round.
func (a *adaptive) apply(shares []share, level float64) {
	asked, passes := 0., 0.
	for e := range shares {
		p := shares[e].at(level)
		asked, passes = asked+shares[e].rate, passes+shares[e].rate*p
		a.thresholds[e].Store(shareThreshold(max(p, sampling.MinSamplingProbability), 1))
		a.rates.list[e].noted, a.rates.list[e].squares = 0, 0
	}
	if asked > 0 {
		a.figures.share.Store(math.Float64bits(passes / asked))
	}
	if math.IsInf(level, 1) {
		level = 0
	}
	a.figures.level.Store(math.Float64bits(level))
	a.figures.keys.Store(int64(len(shares) - 1))
}

// sweep takes out the keys that leave.
func (a *adaptive) sweep() {
	a.leaving = a.rates.leaving(a.leaving[:0], a.table.used, a.now)
	if len(a.leaving) == 0 {
		return
	}
	for _, e := range a.leaving {
		last := a.table.remove(e)
		if last != e {
			a.rates.move(last, e)
			a.thresholds[e].Store(a.thresholds[last].Load())
			a.late[e].Store(a.late[last].Load())
		}
		a.forget(last)
	}
	a.table.reindex()
}

// AdaptiveStats is how an adaptive_throughput policy stands, as of its last round.
type AdaptiveStats struct {
	Policy string
	// Keys is how many keys are told apart.
	Keys int
	// Level is up to how many spans or bytes a second a key's traces pass whole. 0: all pass.
	Level float64
	// Share is how much of all that it is asked about it lets pass, by the estimates of rates: 0 to 1.
	Share float64
}

// Adaptive returns how the adaptive_throughput policies stand, parts of other policies too.
func (p *Policies) Adaptive() []AdaptiveStats {
	var list []AdaptiveStats
	for _, a := range p.adaptives {
		list = append(list, AdaptiveStats{
			Policy: p.names[a.index], Keys: int(a.figures.keys.Load()),
			Level: math.Float64frombits(a.figures.level.Load()), Share: math.Float64frombits(a.figures.share.Load()),
		})
	}
	return list
}
