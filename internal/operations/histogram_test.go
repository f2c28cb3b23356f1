package operations

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBucketsDivideAllDurations(t *testing.T) {
	next := uint64(0)
	for i := range buckets {
		from, to := bounds(i)
		require.Equal(t, next, from)
		require.Equal(t, i, int(bucketOf(from)))
		if i < buckets-1 {
			require.Equal(t, i, int(bucketOf(to-1)))
			require.LessOrEqual(t, float64(to-from), max(float64(from)/8, 1<<octaveFirst), "an eighth at most")
		}
		next = to
	}
	assert.Equal(t, buckets-1, int(bucketOf(math.MaxUint64)))
	least, _ := bounds(1)
	assert.Equal(t, uint64(1<<10), least, "about a microsecond")
	assert.Equal(t, uint64(1<<40), next, "about 18 minutes")
}

// randomDurations are of a few shapes, in nanoseconds.
func randomDurations(rng *rand.Rand) []uint64 {
	n := 1 + rng.IntN(2000)
	base := math.Exp(rng.Float64() * 28) // up to about 24 minutes
	spread := rng.Float64() * 3
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(base * math.Exp(spread*rng.NormFloat64()))
	}
	return out
}

func TestAQuantileLiesInTheBucketOfTheSampleThatIsTheQuantile(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		samples := randomDurations(rng)
		var h histogram
		for _, d := range samples {
			h.add(bucketOf(d))
		}
		for range rng.IntN(3) {
			h.decay(rng.Float32()) // of all alike: it changes no quantile
		}
		if h.total == 0 {
			continue
		}
		slices.Sort(samples)
		q := pickQuantile(rng)
		got := h.quantile(q)
		// The rank may lie on a border, and weights are not exact: either side of it will do.
		rank := q * float64(len(samples))
		below := samples[max(int(math.Ceil(rank-0.01))-1, 0)]
		above := samples[min(int(rank+0.01), len(samples)-1)]
		from, _ := bounds(int(bucketOf(below)))
		_, to := bounds(int(bucketOf(above)))
		require.GreaterOrEqual(t, got, float64(from), "q %v of %d", q, len(samples))
		require.LessOrEqual(t, got, float64(to), "q %v of %d", q, len(samples))
	}
}

func pickQuantile(rng *rand.Rand) float64 {
	return []float64{0.001, 0.5, 0.9, 0.99, 0.999, rng.Float64()}[rng.IntN(6)]
}

func TestWithinABucketAQuantileIsInterpolated(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	var h histogram
	for range 1_000_000 {
		h.add(bucketOf(1<<27 + rng.Uint64N(1<<27)))
	}
	for _, q := range []float64{0.05, 0.33, 0.5, 0.77, 0.99} {
		assert.InEpsilon(t, (1+q)*(1<<27), h.quantile(q), 0.004, "buckets are up to 12 % wide")
	}
	assert.Zero(t, new(histogram).quantile(0.99))
	var last histogram
	last.add(buckets - 1)
	assert.Equal(t, float64(1<<40), last.quantile(0.99))
}

func TestAHistogramCountsOnHoweverMuchComes(t *testing.T) {
	var h histogram
	fast, slow := bucketOf(1_000_000), bucketOf(1_000_000_000)
	for i := range 20_000_000 {
		if i%50 == 0 {
			h.add(slow)
		} else {
			h.add(fast)
		}
	}
	assert.Less(t, h.total, float32(heavy)+1)
	assert.Greater(t, h.total, float32(heavy)/2-1)
	assert.InEpsilon(t, 0.02, h.weights[slow]/h.total, 0.01)
}

func TestWeightsFadeToNothing(t *testing.T) {
	var h histogram
	h.add(7)
	h.add(9)
	h.add(9)
	h.decay(0.5)
	assert.Equal(t, float32(1.5), h.total)
	for range 30 {
		h.decay(0.5)
	}
	assert.Equal(t, histogram{}, h)
}
