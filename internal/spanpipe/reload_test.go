package spanpipe

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
)

// errorsOf declares an SLO against which errors of a service count.
func errorsOf(service string) slo.Config {
	return slo.Config{SLOs: []slo.SLO{{Name: "errors", Service: service, Objective: 99, Errors: &slo.Errors{}}}}
}

// nothing is a policy that matches no trace.
func nothing() sampling.PolicyConfig {
	return sampling.PolicyConfig{Name: "nothing", Type: "probabilistic", Probabilistic: &sampling.ProbabilisticConfig{}}
}

func TestAPolicyOnSLOsThatIsNewKnowsWhatTheSLOsSaidOfHeldSpans(t *testing.T) {
	for name, others := range map[string][]sampling.PolicyConfig{
		"the same beside it": {nothing()},
		"others beside it":   {nothing(), textIs("vips", "user", "vip")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(s *Settings) {
					s.Config.SLO = errorsOf("shop")
					s.Config.Sampling.Policies = []sampling.PolicyConfig{nothing()}
				})
				_, bad := w.sendTo("shop", 3, 2)
				w.sendTo("cart", 3, 2) // no SLO is about it
				require.NoError(t, w.engine.ReloadSLOs(errorsOf("cart")))
				_, badLater := w.sendTo("cart", 3, 1) // what came before is not counted against it
				w.sendTo("shop", 3, 1)                // nor against the one that is gone
				require.NoError(t, w.engine.ReloadPolicies(sampling.Config{Policies: append(others, sampling.PolicyConfig{Name: "slo", Type: "slo", SLO: &sampling.SLOConfig{}})}))
				time.Sleep(15 * time.Second)
				w.end()
				w.engine.Close()
				kept := map[string]int{}
				for _, id := range append(bad, badLater...) {
					kept[id] = 1
				}
				require.Equal(t, kept, w.sink.spans)
			})
		})
	}
}

func TestAReloadThatAsksForWhatIsNewKnowsWhatIsHeld(t *testing.T) {
	for warmUp, want := range map[time.Duration]int{0: 2, 30 * time.Second: 1} {
		t.Run(warmUp.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(s *Settings) {
					s.Config.Sampling.Policies = []sampling.PolicyConfig{nothing()}
					s.Config.Sampling.RescueWindow = 30 * time.Second
				})
				defer w.engine.Close()
				send := func(services ...string) {
					for _, service := range services {
						w.sendTo(service, 2, 0)
					}
				}
				send("dropped")
				time.Sleep(15 * time.Second) // it is held for its rescue
				send("undecided")
				require.NoError(t, w.engine.ReloadPolicies(sampling.Config{Policies: []sampling.PolicyConfig{nothing(), {
					Name: "new", Type: "first_seen", FirstSeen: &sampling.FirstSeenConfig{Traces: 1, Of: []string{"operation"}, WarmUp: warmUp},
				}}}))
				send("dropped", "undecided", "soon")
				time.Sleep(31 * time.Second)
				send("dropped", "undecided", "soon", "later")
				time.Sleep(15 * time.Second)
				w.end()
				require.Equal(t, want, w.sink.count(), "within the warm-up what is seen counts as known, later it is new")
			})
		})
	}
}

func TestARequestDoesNotWaitLongForAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		request, _ := w.request(testSpan{trace: 1})
		open := w.engine.closeLanes()
		start := time.Now()
		_, err := w.send(request)
		require.ErrorIs(t, err, ErrReloading)
		require.Equal(t, reloadPatience, time.Since(start))
		_, err = w.send(request)
		require.ErrorIs(t, err, ErrReloading)
		require.Equal(t, reloadPatience, time.Since(start), "further ones don't wait any more")
		open()
		w.must(request)

		open = w.engine.closeLanes()
		time.AfterFunc(reloadPatience/2, open)
		w.must(request)
		time.Sleep(reloadPatience)
		require.False(t, w.engine.lanes.refusing)
		require.Len(t, w.engine.lanes.free, len(w.engine.laneList))
		for _, r := range w.engine.Stats(time.Now()).Refused {
			require.Equal(t, map[bool]uint64{true: 2}[r.Reason == "reloading"], r.Requests, r.Reason)
		}
		w.cancel()
		<-w.ran
		require.Zero(t, w.engine.Drain(t.Context()))
		w.engine.Close()
	})
}
