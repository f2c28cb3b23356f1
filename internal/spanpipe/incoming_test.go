package spanpipe

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

const halfThreshold = 1 << 55 // of ot=th:8

// randomnessOf is R of a trace id.
func randomnessOf(s stamped) (r uint64) {
	for _, b := range s.id[9:] {
		r = r<<8 | uint64(b)
	}
	return r
}

// TestWhatComesSampledStandsForWhatWasDroppedBefore: upstream samplers kept half of the traces, by trace id or by explicit randomness,
// and said so. Our thresholds hold for both samplers, so that the sums are those of all traffic.
func TestWhatComesSampledStandsForWhatWasDroppedBefore(t *testing.T) {
	if underRace {
		t.Skip("long, and the race detector has nothing to find in it")
	}
	if testing.Short() {
		t.Skip("long")
	}
	r := readRecording(t, "nezha-ts", 1)
	policies := []sampling.PolicyConfig{statusIs("errors", "ERROR"), slowerThan(499), percent(20)}
	byID := func() func() stamped {
		fresh := freshIDs(7)
		return func() stamped {
			s := fresh()
			s.state, s.drop = "vendor=1,ot=th:8", randomnessOf(s) < halfThreshold
			return s
		}
	}
	byRandomness := func() func() stamped {
		fresh, rng := freshIDs(8), rand.New(rand.NewPCG(8, 8))
		return func() stamped {
			s := fresh()
			clear(s.id[9:]) // would never pass
			rv := rng.Uint64N(1 << 56)
			s.state, s.drop = fmt.Sprintf("ot=th:8;rv:%014x", rv), rv < halfThreshold
			return s
		}
	}
	for name, stamp := range map[string]func() func() stamped{"trace id": byID, "explicit randomness": byRandomness} {
		t.Run(name, func(t *testing.T) {
			out := r.replay(t, policies, stamp())
			require.Zero(t, out.unknown)
			for _, trace := range out.traces {
				require.GreaterOrEqual(t, trace.threshold, uint64(halfThreshold), "never below what it came with")
			}
			estimate, se, sampled := out.of("")
			t.Logf("truth %d, estimate %.0f +- %.0f, %d traces", r.total(), estimate, se, sampled)
			require.InDelta(t, float64(r.total()), estimate, standardErrorsMax*se)
		})
	}
}

// TestAContradictionTellsNoThreshold: a trace that its own threshold would have dropped comes with a wrong one. It is kept, and stands for
// nothing.
func TestAContradictionTellsNoThreshold(t *testing.T) {
	r := readRecording(t, "nezha-ts-gap", 1)
	fresh, wrong := freshIDs(9), 0
	out := r.replay(t, []sampling.PolicyConfig{{Name: "all", Type: "always_sample"}}, func() stamped {
		s := fresh()
		s.state = "ot=th:8"
		if randomnessOf(s) < halfThreshold {
			wrong++
		}
		return s
	})
	require.NotZero(t, wrong)
	require.Len(t, out.traces, len(r.traces)-wrong)
	told := 0
	for _, trace := range out.traces {
		require.Equal(t, uint64(halfThreshold), trace.threshold)
		for _, n := range trace.spans {
			told += n
		}
	}
	require.Equal(t, r.total()-told, out.unknown, "what came with a wrong threshold comes out without one")
}
