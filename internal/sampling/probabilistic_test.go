package sampling

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

func TestASaltedShareHasContribsBound(t *testing.T) {
	for _, ratio := range []float64{0.01, 0.1, 1.0 / 3, 0.5, 0.999, math.Nextafter(1, 0)} {
		// in fractions, which do not round
		exact := new(big.Rat).SetFloat64(ratio)
		exact.Mul(exact, new(big.Rat).SetInt(new(big.Int).SetUint64(math.MaxUint64)))
		want := new(big.Int).Quo(exact.Num(), exact.Denom())
		got := new(big.Int).SetUint64(newHashUpTo("salt", ratio).bound)
		assert.LessOrEqual(t, new(big.Int).Abs(got.Sub(got, want)).Cmp(big.NewInt(1)), 0, "ratio %v", ratio)
	}
}

func TestSharesAtTheEndsOfTheScale(t *testing.T) {
	f := func(percentage float64, r, want uint64) {
		t.Helper()
		cfg := DefaultConfig()
		cfg.Policies = []PolicyConfig{{Name: "p", Type: "probabilistic", Probabilistic: &ProbabilisticConfig{SamplingPercentage: percentage}}}
		p, err := Compile(cfg, Options{}, &spanview.Schema{})
		require.NoError(t, err)
		v := p.Decide(&tracebuf.Record{Randomness: 1 + r})
		assert.Equal(t, r >= want, v.Keep)
		if v.Keep {
			assert.Equal(t, want, v.Threshold)
		}
	}
	for _, r := range []uint64{0, 1, never / 2, never - 1} {
		f(100, r, 0)
		f(50, r, never/2)
		f(0, r, never)
		f(1e-16, r, never) // less than one of 2^56
	}
}
