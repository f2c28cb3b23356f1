package spanpipe

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

// offer sends spans of half a kilobyte, one in fifty of a trace with an error, until n requests of 200 were offered at an
// instant, and returns the figures before the end and how many were refused.
func offer(t *testing.T, compression string, n int) (s Stats, refused int) {
	w := newWorld(t, func(s *Settings) {
		s.Limits.Buffers = 64 * mib
		s.Config.Sampling.Compression = compression
	})
	w.padding = 500
	for i := range uint64(n) {
		spans := make([]testSpan, 200)
		for j := range spans {
			spans[j] = testSpan{trace: i*25 + uint64(j/8), failed: i%50 == 0 && j%8 == 3}
		}
		b, note := w.request(spans...)
		if _, err := w.send(b); err != nil {
			require.ErrorIs(t, err, ErrNoBudget)
			refused++
			continue
		}
		note()
	}
	s = w.engine.Stats(time.Now())
	time.Sleep(15 * time.Second)
	w.end()
	w.requireWholeErrors()
	w.engine.Close()
	return s, refused
}

func TestCompressionComesBeforeAnythingThatCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests = 800 // 93 MB
		s, refused := offer(t, "none", requests)
		require.NotZero(t, refused+int(s.Buffer.EarlyTraces), "this was to be more than the budget holds")
		for _, compression := range []string{"s2", "zstd"} {
			s, refused = offer(t, compression, requests)
			require.Zero(t, refused)
			require.Zero(t, s.Buffer.EarlyTraces)
			require.Equal(t, requests*25, s.Held.Traces)
			require.NotZero(t, s.Reliefs)
			require.NotZero(t, s.Compression.Slabs)
		}
	})
}

func TestCompressedTracesAnswerNewPoliciesAndQuestions(t *testing.T) {
	for _, compression := range []string{"s2", "zstd"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(s *Settings) {
				s.Config.Sampling.Policies = []sampling.PolicyConfig{statusIs("errors", "ERROR")}
				s.Config.Sampling.Compression = compression
			})
			w.must(w.attributed(1, "tier", "gold"))
			w.must(w.attributed(2, "tier", "silver"))
			w.padding = 500
			for i := range uint64(40) {
				spans := make([]testSpan, 500)
				for j := range spans {
					spans[j] = testSpan{trace: 10 + i*500 + uint64(j)}
				}
				w.mustSend(spans...)
			}
			time.Sleep(time.Second)
			require.NotZero(t, w.engine.Stats(time.Now()).Compression.Slabs)
			require.Equal(t, []string{"shop"}, w.engine.Why(traceID(1)).Services)
			require.NotZero(t, w.engine.Stats(time.Now()).Compression.Inflated, "the trace is in a compressed slab")
			require.NoError(t, w.engine.ReloadPolicies(sampling.Config{Policies: []sampling.PolicyConfig{textIs("gold", "tier", "gold")}}))
			time.Sleep(10 * time.Second)
			require.Equal(t, map[string]int{traceID(1).String(): 1}, w.out())
		})
	}
}

// Sealed slabs are compressed in the background also where memory is plenty.
func TestWhatIsSealedIsCompressedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Config.Sampling.Compression = "s2" })
		w.padding = 500
		for i := range uint64(30) {
			spans := make([]testSpan, 1000)
			for j := range spans {
				spans[j] = testSpan{trace: i*125 + uint64(j/8), failed: i%5 == 0}
			}
			w.mustSend(spans...)
		}
		time.Sleep(time.Second)
		s := w.engine.Stats(time.Now())
		require.Zero(t, s.Reliefs)
		require.NotZero(t, s.Compression.Slabs)
		require.Greater(t, s.Compression.RawBytes, 5*s.Compression.PackedBytes)
		time.Sleep(15 * time.Second)
		s = w.end()
		w.requireWholeErrors()
		require.NotZero(t, s.Compression.Inflated)
		w.engine.Close()
		require.Zero(t, w.engine.budget.Total()-w.engine.budget.Used(6))
	})
}
