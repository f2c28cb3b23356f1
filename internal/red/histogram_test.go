package red

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"github.com/lightstep/go-expohisto/structure"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestBoundIsTheLastDurationOfItsBucket(t *testing.T) {
	for _, buckets := range [][]time.Duration{
		defaultBuckets,
		{1},
		{1, 2, 3, 4, 5, 6, 7, 8, 9},
		{100 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 6 * time.Millisecond, 250 * time.Millisecond},
		{time.Duration(1<<20) - 1, 1 << 20, 1<<20 + 1, math.MaxInt64},
	} {
		b := newBounds(buckets, float64(time.Millisecond))
		for i, bound := range buckets {
			assert.Equal(t, i, b.bucket(uint64(bound)), "at %s", bound)
			assert.Equal(t, i+1, b.bucket(uint64(bound)+1), "1 ns above %s", bound)
			if i == 0 || bound-1 > buckets[i-1] {
				assert.Equal(t, i, b.bucket(uint64(bound)-1), "1 ns below %s", bound)
			}
		}
		assert.Equal(t, 0, b.bucket(0))
		assert.Equal(t, len(buckets), b.bucket(math.MaxUint64))
	}
}

func TestAsManyBoundsAsAreAllowedHaveABucketEach(t *testing.T) {
	var buckets []time.Duration
	for i := range 256 {
		buckets = append(buckets, time.Duration(1000+i*i))
	}
	b := newBounds(buckets, float64(time.Millisecond))
	for i, bound := range buckets {
		require.Equal(t, i, b.bucket(uint64(bound)), "at %s", bound)
		require.Equal(t, i+1, b.bucket(uint64(bound)+1), "1 ns above %s", bound)
	}
}

// The peers search their bounds as floats of the unit; where those are exact both must agree.
func TestBucketsAgreeWithFloatSearchOfTheUnit(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	b := newBounds(defaultBuckets, float64(time.Millisecond))
	for range 100_000 {
		d := uint64(rnd.ExpFloat64() * float64(time.Second))
		require.Equal(t, sort.SearchFloat64s(b.unit, float64(d)/float64(time.Millisecond)), b.bucket(d), "%d ns", d)
	}
}

func TestSumIsExactBeyond64Bits(t *testing.T) {
	cell, total := make([]uint64, cellBuckets), make([]uint64, cellBuckets)
	want := new(big.Int)
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		d := rnd.Uint64() // half of them longer than 292 years
		addDuration(cell, d)
		want.Add(want, new(big.Int).SetUint64(d))
		if rnd.IntN(10) == 0 {
			addCell(total, cell)
			clear(cell)
		}
	}
	addCell(total, cell)
	got := new(big.Int).SetUint64(total[cellSumHigh])
	got.Lsh(got, 64).Add(got, new(big.Int).SetUint64(total[cellSumLow]))
	require.Equal(t, want.String(), got.String())
	require.NotZero(t, total[cellSumHigh])
	nanos, _ := new(big.Float).SetInt(want).Float64()
	assert.InEpsilon(t, nanos/1e9, sumOf(total, 1e9), 1e-15)
}

// One histogram over all durations is the oracle for those that lanes and flushes add up. Adding up may end at a coarser
// scale, never at different counts.
func TestExponentialHistogramIsTheSameFromManyLanes(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 5))
			cfg := DefaultConfig()
			cfg.SeriesExpiration = 0
			cfg.Histogram.Exponential = &ExponentialConfig{MaxSize: pick[int32](rnd, 8, 20, 160)}
			r := newRig(t, cfg, Options{Lanes: 3})
			var oracle structure.Float64
			oracle.Init(structure.NewConfig(structure.WithMaxSize(cfg.Histogram.maxSize())))
			var md pmetric.Metrics
			total := 0.0
			for flush := range 5 {
				for range rnd.IntN(8) {
					var spans []span
					for range 1 + rnd.IntN(20) {
						s := checkout
						s.duration = time.Duration(rnd.ExpFloat64() * float64(pick(rnd, 0, time.Microsecond, time.Minute)))
						oracle.Update(float64(s.duration) / 1e6)
						total += float64(s.duration) / 1e6
						spans = append(spans, s)
					}
					r.observe(t, rnd.IntN(3), tracesOf(t, spans...))
				}
				md = r.flush(time.Duration(flush+1) * 15 * time.Second)
			}
			points := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(1).ExponentialHistogram().DataPoints()
			p := points.At(points.Len() - 1)
			assert.Equal(t, oracle.Count(), p.Count())
			assert.Equal(t, oracle.ZeroCount(), p.ZeroCount())
			assert.InDelta(t, total, p.Sum(), 1e-9*total)
			assert.InDelta(t, oracle.Min(), p.Min(), 0)
			assert.InDelta(t, oracle.Max(), p.Max(), 0)
			assert.Equal(t, oracle.Scale(), p.Scale())
			want := map[int32]uint64{}
			for i := range oracle.Positive().Len() {
				want[oracle.Positive().Offset()+int32(i)] += oracle.Positive().At(i)
			}
			for i, n := range p.Positive().BucketCounts().All() {
				at := p.Positive().Offset() + int32(i)
				assert.Equal(t, want[at], n, "bucket %d", at)
				delete(want, at)
			}
			assert.Empty(t, want)
		})
	}
}

func TestZeroDurationsKeepTheScaleOfOthers(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Histogram.Exponential = &ExponentialConfig{}
	r := newRig(t, cfg, Options{Lanes: 2})
	zero := checkout
	zero.duration = 0
	scales := func(md pmetric.Metrics) (scales []int32) {
		for _, p := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(1).ExponentialHistogram().DataPoints().All() {
			scales = append(scales, p.Scale())
		}
		return scales
	}
	r.observe(t, 0, tracesOf(t, zero))
	assert.Equal(t, []int32{scaleFinest, scaleFinest}, scales(r.flush(15*time.Second)))
	slow := checkout
	slow.duration = time.Second
	r.observe(t, 0, tracesOf(t, checkout, slow))
	fine := scales(r.flush(30 * time.Second))
	require.Positive(t, fine[0])
	r.observe(t, 1, tracesOf(t, zero))
	assert.Equal(t, fine, scales(r.flush(45*time.Second)))
}
