package sampling

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// keyPast is all rounds of a key, dumb.
type keyPast []keyRound

type keyRound struct {
	at, elapsed int64
	costs       []float64
	late        float64
}

// counts returns what came in each interval, up to the one under way.
func (p keyPast) counts(start, now, interval int64) []float64 {
	counts := make([]float64, (now-start)/interval+1)
	for _, r := range p {
		for _, c := range append(slices.Clip(r.costs), r.late) {
			counts[(r.at-start)/interval] += c
		}
	}
	return counts
}

func (p keyPast) rate(e estimates, start, now int64) float64 {
	counts := p.counts(start, now, e.interval)
	last := len(counts) - 1
	since := max(float64(now-start)/1000, 1)
	var past float64
	if e.buckets == 0 {
		for i, c := range counts[:last] {
			second := c / (float64(e.interval) / 1000)
			if i == 0 {
				past = second
			}
			past = past*(1-e.weight) + second*e.weight
		}
		past = max(past, counts[last]/min(float64(e.interval)/1000, since))
	} else {
		for _, c := range counts[max(0, last-e.buckets):] {
			past += c
		}
		past /= min(float64(e.interval*int64(e.buckets)+(now-start)%e.interval)/1000, since)
	}
	recent, variance := 0., 0.
	for _, r := range p {
		left := math.Exp(-float64(now-r.at) / 1000)
		if dt := float64(r.elapsed) / 1000; dt > 0 {
			left *= (1 - math.Exp(-dt)) / dt
		}
		for _, c := range append(slices.Clip(r.costs), r.late) {
			recent, variance = recent+c*left, variance+c*c*left*left
		}
	}
	spread := 3 * math.Sqrt(variance)
	return min(max(past, recent-spread), recent+spread)
}

func TestRatesOfKeysAreWhatAllTheirTracesSay(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 6))
		e := estimates{interval: 200 + rng.Int64N(2000)}
		if seed%2 == 0 {
			e.weight = rng.Float64()
		} else {
			e.buckets = 1 + rng.IntN(8)
		}
		r := newKeyRates(e, 3)
		now := int64(1 + rng.IntN(1000))
		start, from := now, now
		past := make([]keyPast, 3)
		for range 300 {
			r.renewal(now, len(past))
			for key := range past {
				round := keyRound{at: now, elapsed: now - from}
				if rng.IntN(1+key) == 0 {
					for range rng.IntN(40) {
						c := float64(1 + rng.IntN(20))
						round.costs = append(round.costs, c)
						r.list[key].note(c)
					}
					round.late = float64(rng.IntN(2) * rng.IntN(30))
				}
				past[key] = append(past[key], round)
				got := r.rate(key, now, now-from, round.late)
				require.InDelta(t, past[key].rate(e, start, now), got, 1e-6*(1+got), "seed %d at %d", seed, now)
				r.list[key].noted, r.list[key].squares = 0, 0
			}
			if e.buckets > 0 && rng.IntN(10) == 0 { // one takes the place of another, and begins anew
				r.move(2, 1)
				past[1], past[2] = past[2], nil
				r.clear(2)
			}
			from = now
			now += rng.Int64N(150)
			if rng.IntN(40) == 0 {
				now += rng.Int64N(10_000)
			}
		}
	}
}
