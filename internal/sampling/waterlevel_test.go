package sampling

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheWaterLevelSpendsTheBudget(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	for range 1000 {
		shares := make([]share, rng.IntN(600))
		whole := 0.
		for i := range shares {
			rate := math.Exp(12*rng.Float64() - 4)
			shares[i] = share{rate: rate, mass: rate}
			if rng.IntN(2) == 0 {
				shares[i].mass = float64(rng.IntN(3) * rng.IntN(100))
			}
			if rng.IntN(10) == 0 {
				shares[i] = share{}
			}
			whole += shares[i].mass
		}
		budget := whole * 1.3 * rng.Float64()
		level := waterLevel(shares, budget)
		require.Positive(t, level)
		if budget >= whole {
			require.True(t, math.IsInf(level, 1))
			continue
		}
		cost := 0.
		for _, s := range shares {
			require.LessOrEqual(t, s.at(level), 1.)
			cost += s.mass * s.at(level)
		}
		require.InEpsilon(t, budget, cost, 1e-6)
	}
	assert.Positive(t, waterLevel([]share{{rate: 1, mass: 1}}, 0), "never nothing")
	assert.Positive(t, waterLevel([]share{{rate: 1, mass: 1}}, -5))
}

func TestTheWaterLevelOfRatesIsFair(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	for range 20 {
		var rates []float64
		var shares []share
		total := 0.
		for range 1 + rng.IntN(20) {
			rate := math.Exp(8 * rng.Float64())
			rates, shares, total = append(rates, rate), append(shares, share{rate: rate, mass: rate}), total+rate
		}
		target := total * rng.Float64()
		level := waterLevel(shares, target)
		for i, want := range fairly(rates, target) {
			require.InDelta(t, want, rates[i]*shares[i].at(level), 0.001*target)
		}
	}
}
