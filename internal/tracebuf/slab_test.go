package tracebuf

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIDsOfEndedSlabsResolveToNothing(t *testing.T) {
	var d directory
	rng := rand.New(rand.NewPCG(1, 1))
	alive := map[slabID]*slab{}
	var ended []slabID
	require.Nil(t, d.find(0))
	for range 13_000 {
		if rng.IntN(5) < 3 {
			s := d.open()
			s.alive = true
			require.NotContains(t, alive, s.id())
			alive[s.id()] = s
			continue
		}
		for id, s := range alive {
			d.end(s)
			delete(alive, id)
			ended = append(ended, id)
			break
		}
	}
	require.Greater(t, len(alive), 2*chunkSlabs)
	for id, s := range alive {
		require.Same(t, s, d.find(id))
	}
	for _, id := range ended {
		require.Nil(t, d.find(id))
	}
	require.Nil(t, d.find(makeSlabID(d.last+1, 0)))
	require.Nil(t, d.find(slabID(math.MaxUint32)))
}

func TestSlabsOfHeadsAreSmallInSmallBudgets(t *testing.T) {
	for limit, want := range map[int64]int{
		0: 256 << 10, 32 << 20: 256 << 10, 255 << 20: 256 << 10, 512 << 20: 1 << 20, 900 << 20: 1 << 20, 1 << 30: slabSize, 1 << 40: slabSize,
	} {
		require.Equal(t, want, headSlabSize(limit), limit)
	}
}

// TestAllMemoryIsBookedUntilItIsGone takes and frees slabs of both kinds and all sizes, in budgets with small slabs of heads
// and with large ones.
func TestAllMemoryIsBookedUntilItIsGone(t *testing.T) {
	for _, limit := range []int64{64 << 20, 1 << 30} {
		b := NewBudget(limit)
		p := newSlabPool(b)
		rng := rand.New(rand.NewPCG(2, uint64(limit)))
		for round := range 300 {
			n := []int{1, 100 << 10, 300 << 10, slabSize, slabSize + 1, 5 << 20}[rng.IntN(6)]
			s, err := p.take(kind(rng.IntN(2)), n)
			if err != nil {
				require.ErrorIs(t, err, ErrNoBudget)
				p.recycle(p.sealedCount(), int64(round))
				continue
			}
			require.GreaterOrEqual(t, len(s.data), n)
			require.Zero(t, s.used)
			s.lastArrival = int64(round)
			p.seal(s)
			held := int64(0)
			for _, s := range p.sealed {
				held += int64(len(s.data))
			}
			require.Equal(t, held, b.Used(UseSlabs))
			require.LessOrEqual(t, b.Total(), limit)
		}
		p.close()
		require.Zero(t, b.Total())
		require.Zero(t, b.Used(UseSlabs))
	}
}
