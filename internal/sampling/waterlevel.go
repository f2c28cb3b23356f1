package sampling

import "math"

// share is one of several that a budget is shared between.
type share struct {
	// rate is how much it asks for a second, above 0 where mass is.
	rate float64
	// mass is what it brings now, in the budget's unit.
	mass float64
}

// at returns the part of it that passes at a level.
func (s share) at(level float64) float64 {
	if s.rate <= level {
		return 1
	}
	return level / s.rate
}

// levelSteps bounds the search; each step but the last passes at least one rate, and the answer of any step is safe.
const levelSteps = 64

// waterLevel returns the level at which the shares cost the budget: the masses of those whose rate lies below it, and of the others
// as much as lets pass the level's worth of their rate. It is never 0, and +Inf where all fit.
//
// Cost over level is a line of falling slope, so each step, to where the line of the last level meets the budget, comes from below.
func waterLevel(shares []share, budget float64) float64 {
	level := 0.
	for range levelSteps {
		whole, slope := 0., 0.
		for i := range shares {
			if s := &shares[i]; s.rate <= level {
				whole += s.mass
			} else {
				slope += s.mass / s.rate
			}
		}
		if slope == 0 {
			return math.Inf(1)
		}
		next := (budget - whole) / slope
		if next <= level {
			break
		}
		level = next
	}
	return max(level, math.SmallestNonzeroFloat32)
}
