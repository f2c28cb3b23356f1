package sampling

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
)

// limiter is a condition that holds for as many traces as a budget allows. It chooses by randomness, so that a threshold tells
// what passed and adjusted counts stay right.
//
// It works in rounds. What all traces that are due would cost together is added up first; then a share of them is let
// pass that costs what may be spent, on average. The share hangs on costs alone, never on the randomness of a trace: that makes it a
// probability. And it hangs on what traces cost over the last second, not on those of its round, unless these are more than
// chance explains: else a large trace, alone in a round, would have less of a chance than a small one. What the chosen ones
// really cost is owed or saved, and paid back by the next rounds.
//
// Tokens come in at a rate and are kept up to the burst; while there are more than a round brings, all may be spent. Else
// a round spends what it brings, times exp of how far the balance is behind, in half seconds of the rate: less the more is owed, but never nothing,
// since a trace that could not pass would be missing from every sum. A trace that costs more than the burst never passes.
type limiter struct {
	cost  func(f facts) int64
	rate  float64 // tokens a second, above 0 where the burst is
	burst float64
	// against: it speaks against keeping a trace, so that a late span uses up nothing of it.
	against bool

	// Of the rounds, which are serialized.
	tokens float64
	at     int64   // milliseconds of the last refill; 0: none yet
	noted  int64   // what the round's traces cost
	square float64 // and the sum of the squares of their costs
	usual  float64 // what traces cost a second, an average over the last second or so

	// threshold is that of the last round; owed is what was let pass since, unnoted.
	threshold atomic.Uint64
	owed      atomic.Int64
}

// costs are what is limited.
type costs struct {
	unit string
	of   func(f facts) int64
}

var (
	costSpans = costs{unit: "spans", of: func(f facts) int64 { return int64(f.spans) }}
	costBytes = costs{unit: "bytes", of: func(f facts) int64 { return int64(f.bytes) }}
)

// limiter returns a limiter. A new one starts with a full burst, as a token bucket does.
func (c *compiler) limiter(cost costs, rate, burst int64) *limiter {
	l := &limiter{cost: cost.of, rate: float64(rate), burst: float64(burst), tokens: float64(burst), against: c.against}
	return standing(c, fmt.Sprintf("%d %s a second, burst %d", rate, cost.unit, burst), l)
}

func (l *limiter) eval(f facts) outcome {
	cost := l.cost(f)
	if float64(cost) > l.burst {
		return failsNow
	}
	threshold := l.threshold.Load()
	switch f.asked {
	case asBefore:
		return holds
	case asSurveyed:
		l.noted += cost
		l.square += float64(cost) * float64(cost)
	case asDecided, asLate:
		if f.asked == asLate && l.against {
			break
		}
		if threshold <= f.randomness {
			l.owed.Add(cost)
		}
	}
	return outcome{threshold: threshold}
}

const (
	// limiterPatience is over how many seconds a debt is paid back.
	limiterPatience = 0.5
	// roundMin is the shortest time that a round counts for, in milliseconds.
	roundMin = 10
)

// settle ends the survey of a round: it sets the threshold.
func (l *limiter) settle(now int64) {
	elapsed := int64(0)
	if l.at != 0 {
		elapsed = max(now-l.at, 0)
	}
	l.at = max(l.at, now)
	l.tokens = min(l.burst, l.tokens+l.rate*float64(elapsed)/1000) - float64(l.owed.Swap(0))
	may := l.tokens
	seconds := float64(max(elapsed, roundMin)) / 1000
	if brings := l.rate * seconds; may < brings {
		may = brings * math.Exp((may-brings)/(l.rate*limiterPatience))
	}
	l.threshold.Store(shareThreshold(may, l.expected(seconds)))
	l.noted, l.square = 0, 0
}

const (
	// usualSeconds is the time over which the average is taken.
	usualSeconds = 1
	// beyondChance is how many standard deviations a round's cost must be away from none to be more than chance.
	beyondChance = 3
)

// expected returns what traces cost in a round of that length: the average or, where they are more beyond chance, the least
// that this round's tell.
func (l *limiter) expected(seconds float64) float64 {
	usual := l.usual * seconds // without this round's: else its traces would count against themselves
	l.usual += (float64(l.noted)/seconds - l.usual) * (1 - math.Exp(-seconds/usualSeconds))
	return max(usual, float64(l.noted)-beyondChance*math.Sqrt(l.square))
}

// shareThreshold returns the threshold of a share part/whole; all where the whole is no more than the part.
func shareThreshold(part, whole float64) uint64 {
	if part >= whole {
		return 0
	}
	return ratioThreshold(part / whole)
}

// ratioThreshold returns the threshold of a probability below 1; [never] for one that no threshold can tell.
func ratioThreshold(ratio float64) uint64 {
	if !(ratio >= sampling.MinSamplingProbability) {
		return never
	}
	th, err := sampling.ProbabilityToThreshold(min(ratio, 1))
	if err != nil {
		return never
	}
	return th.Unsigned()
}
