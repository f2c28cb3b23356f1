package parity

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sigmas is how far a count may be from what is expected; by chance alone one of 150,000 is that far.
const sigmas = 4.5

// Without a salt ours chooses by OTEP 235's randomness and contrib by a hash: other traces, the same share of them.
func TestSharesAreTheSame(t *testing.T) {
	const half = `{name: b, type: probabilistic, probabilistic: {sampling_percentage: 50}}`
	for _, c := range []struct {
		setting, policy string
		p               float64
	}{
		{"0.5 %", `{name: it, type: probabilistic, probabilistic: {sampling_percentage: 0.5}}`, 0.005},
		{"10 %", `{name: it, type: probabilistic, probabilistic: {sampling_percentage: 10}}`, 0.1},
		{"50 %", half, 0.5},
		{"99 %", `{name: it, type: probabilistic, probabilistic: {sampling_percentage: 99}}`, 0.99},
		{"half of the big", `{name: it, type: and, and: {and_sub_policy: [` + isBig + `, ` + half + `]}}`, 0.5},
		{"not that half", `{name: it, type: not, not: {not_sub_policy: ` + half + `}}`, 0.5},
	} {
		t.Run(c.setting, func(t *testing.T) {
			t.Parallel()
			for _, tr := range everything(t) {
				if tr.big && testing.Short() {
					continue
				}
				n := float64(len(tr.whole))
				if c.setting == "half of the big" {
					n = float64(len(stock.keeps(t, "policies: ["+isBig+"]", tr).traces))
				}
				config := "policies: [" + c.policy + "]"
				want, got := stock.keeps(t, config, tr), own.keeps(t, config, tr)
				bound := sigmas*math.Sqrt(n*c.p*(1-c.p)) + 1
				fits := true
				for i, k := range []*kept{want, got} {
					fits = assert.InDelta(t, n*c.p, len(k.traces), bound, "%s of %s", arms[i].name, tr.name) && fits
				}
				for id, f := range got.traces {
					require.True(t, f.same(tr.whole[id]), "a kept trace is whole")
				}
				row("probabilistic, no salt", c.setting, tr, want, got, within(fits, "%.0f of %.0f", bound, n*c.p))
			}
		})
	}
}

func within(fits bool, format string, args ...any) string {
	if !fits {
		return "NOT within " + fmt.Sprintf(format, args...)
	}
	return "within " + fmt.Sprintf(format, args...)
}
