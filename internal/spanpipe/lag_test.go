package spanpipe

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// decidedWithin counts decisions that came at most so long after their deadline, and all that had one.
func decidedWithin(s Stats, lag time.Duration) (within, all uint64) {
	for i, n := range s.Buffer.DecidedByLag {
		all += n
		if i < len(tracebuf.LagBounds()) && tracebuf.LagBounds()[i] <= lag.Milliseconds() {
			within += n
		}
	}
	return within, all
}

// Ticks are 50 ms apart, so no decision is later; while the output has no room they are as late as it takes, and what the end
// decides before its time had no deadline.
func TestDecisionsAreAsLateAsTheOutputHoldsThemUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			s.Config.Output.QueueMiB = 2
			s.Config.Sampling.DecisionWait, s.Config.Sampling.DecisionWaitMin = 2*time.Second, time.Second
			s.Config.Sampling.Policies = []sampling.PolicyConfig{{Name: "all", Type: "always_sample"}}
		})
		w.padding = 2000
		load := func(n int) {
			for range n {
				var spans []testSpan
				for range 20 {
					spans = append(spans, testSpan{trace: w.rng.Uint64()})
				}
				w.mustSend(spans...)
				time.Sleep(33 * time.Millisecond)
			}
		}
		load(100)
		time.Sleep(3 * time.Second)
		within, all := decidedWithin(w.engine.Stats(time.Now()), tickInterval)
		require.EqualValues(t, 2000, all)
		require.Equal(t, all, within)

		w.sink.setFail(errors.New("later"))
		load(100)
		time.Sleep(4 * time.Second)
		w.sink.setFail(nil)
		time.Sleep(20 * time.Second)
		stats := w.engine.Stats(time.Now())
		require.Zero(t, stats.Buffer.EarlyTraces)
		within, all = decidedWithin(stats, tickInterval)
		require.EqualValues(t, 4000, all)
		require.Less(t, within, uint64(3500))
		within, _ = decidedWithin(stats, time.Second)
		require.Less(t, within, uint64(3500), "held up for seconds")

		load(1)
		w.end()
		_, all = decidedWithin(w.engine.Stats(time.Now()), tickInterval)
		require.EqualValues(t, 4000, all)
		w.engine.Close()
	})
}
