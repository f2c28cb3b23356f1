package sampling

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAKeyTableIsAMapWithRoomForSoMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 8))
	for range 20 {
		keysMax := 1 + rng.IntN(40)
		table := newKeyTable(keysMax)
		there := map[uint64]bool{}
		keys := make([]uint64, 60)
		for i := range keys {
			keys[i] = rng.Uint64() | 1
		}
		keys[0] = 1
		for range 300 {
			if rng.IntN(20) == 0 {
				leave(rng, &table, there)
			}
			key := keys[rng.IntN(len(keys))]
			e := table.open(key)
			switch {
			case there[key]:
				require.Equal(t, key, table.keys[e].Load())
			case len(there) == keysMax:
				require.Equal(t, others, e)
			default:
				require.NotEqual(t, others, e)
				there[key] = true
			}
			require.Equal(t, len(there)+1, table.used)
			for _, key := range keys {
				e := table.find(key)
				require.Equal(t, there[key], e != others)
				if e != others {
					require.Equal(t, key, table.keys[e].Load())
				}
			}
		}
	}
}

// leave takes out some of the keys, the last entry first.
func leave(rng *rand.Rand, table *keyTable, there map[uint64]bool) {
	var out []int
	for e := 1; e < table.used; e++ {
		if rng.IntN(3) == 0 {
			out = append(out, e)
			delete(there, table.keys[e].Load())
		}
	}
	slices.Reverse(out)
	for _, e := range out {
		table.remove(e)
	}
	table.reindex()
}
