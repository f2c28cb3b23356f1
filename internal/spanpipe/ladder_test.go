package spanpipe

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

func TestThinningFollowsTheFillOfTheOutputQueue(t *testing.T) {
	for held, want := range map[int64]uint32{0: 0, 50: 0, 51: 1, 62: 1, 63: 2, 75: 3, 88: 4, 99: 4, 100: 5, 1000: 5} {
		require.Equal(t, want, thinningLevel(held, 100), "%d %%", held)
	}
}

func active(s Stats) (names []string) {
	for _, r := range s.Degradation {
		if r.Active {
			names = append(names, r.Name)
		}
	}
	return names
}

// The receiver refuses for a while: what is sampled thins out, errors are kept, and all of it ends with the trouble.
func TestWhileTheOutputFillsUpTheBaselineThinsAndErrorsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			s.Limits.Buffers = 512 * mib
			s.Config.Output.QueueMiB = 16
			s.Config.Sampling.RescueWindow = 0
			s.Config.Sampling.DecisionWait, s.Config.Sampling.DecisionWaitMin = 2*time.Second, time.Second
			s.Config.Sampling.Policies = []sampling.PolicyConfig{
				statusIs("errors", "ERROR"),
				{Name: "baseline", Type: "probabilistic", Probabilistic: &sampling.ProbabilisticConfig{SamplingPercentage: 50}},
			}
		})
		w.padding = 2000
		var trace uint64
		load := func(seconds int) (kept uint64) {
			before := w.engine.Stats(time.Now()).Buffer.KeptTraces
			for range seconds * 20 {
				var spans []testSpan
				for range 20 {
					trace++
					spans = append(spans, testSpan{trace: w.rng.Uint64(), failed: trace%20 == 0})
				}
				w.mustSend(spans...)
				time.Sleep(50 * time.Millisecond)
			}
			return w.engine.Stats(time.Now()).Buffer.KeptTraces - before
		}
		// traceID's randomness is even: half of the traces of the baseline
		w.randomID = true
		load(4)
		calm := load(5)
		require.Empty(t, active(w.engine.Stats(time.Now())))
		w.sink.setFail(errors.New("later"))
		load(15)
		thinned := load(5)
		require.Contains(t, active(w.engine.Stats(time.Now())), "baseline_thinned")
		require.NotContains(t, active(w.engine.Stats(time.Now())), "refused")
		require.Less(t, thinned, calm*2/3)
		w.sink.setFail(nil)
		time.Sleep(60 * time.Second)
		require.Empty(t, active(w.engine.Stats(time.Now())))
		load(4)
		require.InEpsilon(t, calm, load(5), 0.1)
		time.Sleep(10 * time.Second)
		w.end()
		w.requireWholeErrors()
		for _, state := range w.sink.state {
			w.states[state]++
		}
		require.Greater(t, len(w.states), 2, "thresholds say how much was thinned: %v", w.states)
		w.engine.Close()
	})
}
