package tracebuf

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func TestLayoutsInSlabsHaveTheirStatedSizes(t *testing.T) {
	require.Equal(t, uintptr(headSize), unsafe.Sizeof(Head{}))
	require.Equal(t, uintptr(groupSize), unsafe.Sizeof(group{}))
	require.Equal(t, 128, recordSize)
}

func TestIndexAgreesWithAMap(t *testing.T) {
	x, err := newIndex(NewBudget(1 << 30))
	require.NoError(t, err)
	defer x.close()
	rng := rand.New(rand.NewPCG(1, 2))
	type entry struct{ tag, position uint32 }
	want := map[uint32]entry{}
	has := func(e entry) bool {
		for i := e.tag & x.mask; x.entries[i] != 0; i = (i + 1) & x.mask {
			if x.entries[i] == uint64(e.tag)<<32|uint64(e.position) {
				return true
			}
		}
		return false
	}
	for step := range uint32(60_000) {
		if rng.IntN(5) < 3 {
			e := entry{tag: 1 + rng.Uint32N(5000), position: step}
			require.NoError(t, x.add(e.tag, e.position))
			want[step] = e
		} else {
			for k, e := range want {
				x.remove(e.tag, e.position)
				require.False(t, has(e))
				delete(want, k)
				break
			}
		}
	}
	require.Len(t, want, x.count)
	for _, e := range want {
		require.True(t, has(e))
	}
	for k, e := range want {
		x.remove(e.tag, e.position)
		x.shrink()
		delete(want, k)
	}
	require.Zero(t, x.count)
	require.Less(t, len(x.entries), 1<<14, "an empty index gives its memory back")
}

func TestRingIsAQueueAlsoWhereItsPositionsWrap(t *testing.T) {
	for _, start := range []uint32{0, ^uint32(0) - 3000} {
		b := NewBudget(1 << 30)
		r := ring{budget: b, oldest: start, decide: start, next: start}
		rng := rand.New(rand.NewPCG(3, uint64(start)))
		var want []uint64
		var pushed uint64
		for range 50_000 {
			if rng.IntN(100) < 52 {
				pushed++
				position, rec, err := r.push()
				require.NoError(t, err)
				require.Same(t, rec, r.at(position))
				rec.MinStart = pushed
				want = append(want, pushed)
			} else if len(want) > 0 {
				require.Equal(t, want[0], r.at(r.oldest).MinStart)
				r.pop()
				want = want[1:]
			}
			require.Equal(t, len(want), r.len())
		}
		for i, w := range want {
			require.Equal(t, w, r.at(r.oldest+uint32(i)).MinStart)
		}
		r.close()
		require.Zero(t, b.Total())
	}
}

func TestDecisionsRememberAtLeastTheStatedNumber(t *testing.T) {
	d := decisions{budget: NewBudget(1 << 30), generationMax: 1000}
	rng := rand.New(rand.NewPCG(5, 5))
	var hashes []uint64
	for i := range 10_000 {
		h := rng.Uint64()
		hashes = append(hashes, h)
		d.remember(h, i%3 == 0)
		for back := range min(len(hashes), 1000) {
			at := len(hashes) - 1 - back
			if back%97 != 0 {
				continue
			}
			kept, ok := d.recall(hashes[at])
			require.True(t, ok)
			require.Equal(t, at%3 == 0, kept)
		}
	}
	_, ok := d.recall(hashes[0])
	require.False(t, ok, "what is older than two generations is forgotten")
	d.change(hashes[9_999], true)
	kept, _ := d.recall(hashes[9_999])
	require.True(t, kept, "a decision can be turned")
	d.close()
	require.Zero(t, d.budget.Total())
}

func TestDecisionsWithoutRoomToGrowForgetTheOldest(t *testing.T) {
	for _, limit := range []int64{8 * generationMin * 8, 7 * generationMin * 8, generationMin * 8} {
		d := decisions{budget: NewBudget(limit), generationMax: 1 << 20}
		rng := rand.New(rand.NewPCG(5, 5))
		for range 20_000 {
			h := rng.Uint64()
			d.remember(h, true)
			_, ok := d.recall(h)
			require.True(t, ok, "the latest decision is remembered")
		}
		require.LessOrEqual(t, d.budget.Total(), limit)
		d.close()
	}
	d := decisions{budget: NewBudget(0), generationMax: 1 << 20}
	d.remember(1<<40, true)
	_, ok := d.recall(1 << 40)
	require.False(t, ok)
}

func TestRecordsFoldAndMergeInAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 500 {
		spans := make([]spanview.Span, 1+rng.IntN(12))
		for i := range spans {
			s := &spans[i]
			s.Start, s.End = rng.Uint64N(1000), rng.Uint64N(1000)
			s.Bits, s.Status = 1<<rng.IntN(8), int32(rng.IntN(3))
			s.Raw.Len = rng.Uint32N(1000)
			s.Threshold, s.Randomness = rng.Uint64N(3), rng.Uint64N(3)
		}
		var whole Record
		for i := range spans {
			whole.Fold(&spans[i])
		}
		rng.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
		parts := make([]Record, 3)
		for i := range spans {
			parts[rng.IntN(3)].Fold(&spans[i])
		}
		var merged Record
		for i := range parts {
			merged.Merge(&parts[i])
		}
		require.Equal(t, whole, merged)
	}
}
