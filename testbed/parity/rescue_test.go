package parity

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// One trace of a hundred has an error that comes 1 to 30 seconds after the trace was dropped.
func TestRescue(t *testing.T) {
	const (
		wait   = 5 * time.Second
		traces = 20_000
		over   = 100 * time.Second
	)
	rnd := rand.New(rand.NewPCG(9, 9))
	var requests []request
	late := map[pcommon.TraceID]bool{}
	for i := range traces {
		id := traceID(rnd.Uint64(), rnd.Uint64())
		begins := over * time.Duration(i) / traces
		requests = append(requests, at(begins, spanOf(id), spanOf(id, child), spanOf(id, child), spanOf(id, child)))
		if i%100 == 0 {
			late[id] = true
			comes := begins + wait + time.Second + time.Duration(rnd.Int64N(int64(29*time.Second)))
			requests = append(requests, at(comes, spanOf(id, child, failed)))
		}
	}
	tr := newTraffic("late errors", inOrderOfTime(requests))

	for _, caches := range []string{"", "decision_cache: {sampled_cache_size: 1000000, non_sampled_cache_size: 1000000}"} {
		come := [2]int{}
		for i, a := range arms {
			out := a.replay(t, "decision_wait: 5s\nnum_traces: 1000000\npolicies: ["+isError+"]\n"+caches, tr, time.Minute)
			whole := 0
			for id := range late {
				if out.traces[id].same(tr.whole[id]) {
					whole++
				}
			}
			t.Logf("%s: of %d traces with a late error %d come out whole, %d in part", a.name, len(late), whole, len(out.traces)-whole)
			come[i] = whole
			for id := range out.traces {
				assert.True(t, late[id], "nothing else is kept")
			}
		}
		assert.Zero(t, come[0], "contrib has another figure than is known of it")
		assert.GreaterOrEqual(t, float64(come[1]), 0.99*float64(len(late)))
		addRow(outcome{"(rescue)", "errors 1 to 30 s late, " + caches, tr.name, len(late), come[0], come[1], "come out whole"})
	}
}
