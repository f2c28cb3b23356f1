package spanpipe

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

// comparing are policies that compare, and a baseline that keeps nothing.
func comparing() []sampling.PolicyConfig {
	return []sampling.PolicyConfig{
		{Name: "never", Type: "probabilistic", Probabilistic: &sampling.ProbabilisticConfig{}},
		{Name: "new", Type: "first_seen", FirstSeen: &sampling.FirstSeenConfig{Traces: 1}},
		{Name: "rare", Type: "rare", Rare: &sampling.RareConfig{Traces: 3}},
	}
}

func TestAReloadGoesOnWithWhatPoliciesKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Config.Sampling.Policies = comparing() })
		send := func(from, traces uint64, failed bool) (kept int) {
			before := w.sink.count()
			for n := range traces {
				w.mustSend(testSpan{trace: from + n}, testSpan{trace: from + n, failed: failed})
			}
			time.Sleep(15 * time.Second)
			return (w.sink.count() - before) / 2
		}
		require.Equal(t, 1, send(0, 1, false), "the first")
		require.Equal(t, 2, send(1, 20, false), "two more of the fingerprint")
		require.Equal(t, 3, send(100, 20, true), "of another fingerprint")
		require.Zero(t, send(200, 20, true))
		s := w.engine.Stats(time.Now())
		require.Equal(t, sampling.Stats{Operations: s.Sampling.Operations, Fingerprints: 2}, s.Sampling)
		require.Equal(t, 1, s.Sampling.Operations.Known)

		cfg := sampling.DefaultConfig()
		cfg.Policies = append(comparing(), sampling.PolicyConfig{
			Name: "errors", Type: "and", And: &sampling.AndConfig{SubPolicies: []sampling.PolicyConfig{
				{Type: "status_code", StatusCode: &sampling.StatusCodeConfig{StatusCodes: []string{"ERROR"}}},
				{Type: "probabilistic", Probabilistic: &sampling.ProbabilisticConfig{}},
			}},
		})
		require.NoError(t, w.engine.ReloadPolicies(cfg))
		require.Zero(t, send(300, 20, false))
		require.Equal(t, 1, w.engine.Stats(time.Now()).Sampling.Operations.Known)
		w.end()
		w.engine.Close()
	})
}

func TestTracesThatAreHeldGetTheSketchThatAReloadAsksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := comparing()[:1]
		w := newWorld(t, func(s *Settings) { s.Config.Sampling.Policies = never })
		for n := range uint64(20) {
			w.mustSend(testSpan{trace: n, failed: n%2 == 0})
		}
		cfg := sampling.DefaultConfig()
		cfg.Policies = append(never, comparing()[2])
		require.NoError(t, w.engine.ReloadPolicies(cfg))
		time.Sleep(15 * time.Second)
		require.Equal(t, 6, w.sink.count(), "three with and three without an error")
		w.end()
		w.engine.Close()
	})
}
