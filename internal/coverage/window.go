package coverage

import "math"

// window counts what was looked at lately and how much of it lacked something: this part of the time and the one before.
type window struct {
	all, lacking             uint64
	allBefore, lackingBefore uint64
}

// turn begins another part.
func (w *window) turn() {
	w.allBefore, w.lackingBefore = w.all, w.lacking
	w.all, w.lacking = 0, 0
}

const (
	// shareMin is the share from which something lacking is a gap: single spans get lost everywhere.
	shareMin = 0.01
	// shareOfMin is how many there must be to tell a share of.
	shareOfMin = 50
	// confidence is the quantile of the normal distribution for 95 %, two-sided.
	confidence = 1.96
)

// total returns what was counted in both parts.
func (w *window) total() (lacking, all uint64) {
	return w.lacking + w.lackingBefore, w.all + w.allBefore
}

// isGap reports whether more than shareMin lack something, by the lower bound of Wilson's interval, so that few of few
// don't alarm (Wilson, Probable inference, the law of succession, and statistical inference, 1927).
func (w *window) isGap() bool {
	lacking, all := w.total()
	if all < shareOfMin {
		return false
	}
	n, p := float64(all), float64(lacking)/float64(all)
	z2 := confidence * confidence
	bound := (p + z2/(2*n) - confidence*math.Sqrt(p*(1-p)/n+z2/(4*n*n))) / (1 + z2/n)
	return bound > shareMin
}
