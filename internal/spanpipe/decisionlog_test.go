package spanpipe

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

func TestTheLatestDecisionsAreFound(t *testing.T) {
	require.Equal(t, uintptr(96), unsafe.Sizeof(logged{}))
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{1, 2, 7, 100} {
		budget := tracebuf.NewBudget(1 << 20)
		l := newDecisionLog(budget, size)
		var all []logged
		for n := range 300 {
			e := logged{traceID: [16]byte{byte(rng.IntN(60))}, decided: int64(n)}
			l.add(&e)
			all = append(all, e)
			id := [16]byte{byte(rng.IntN(60))}
			var want logged
			for _, e := range all[max(len(all)-size, 0):] {
				if e.traceID == id {
					want = e
				}
			}
			got, found := l.find(id)
			require.Equal(t, want, got)
			require.Equal(t, want != logged{}, found)
		}
		l.close()
		require.Zero(t, budget.Total())
	}
	none := newDecisionLog(tracebuf.NewBudget(100), 10)
	none.add(&logged{})
	_, found := none.find([16]byte{})
	require.False(t, found, "the budget has no room")
	none.close()
}
