package tailsamplingprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDecisionsAreCountedByHowLongAfterTheirDeadlineTheyCame(t *testing.T) {
	for _, tt := range []struct {
		name, config string
		counted      int64
	}{
		{"by decision_wait", `decision_wait: 2s`, 3},
		{"by the root", `decision_wait: 1h, decision_wait_after_root_received: 1s`, 3},
		{"before any", `decision_wait: 1h, sampling_strategy: span-ingest`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := start(t, `{memory: {limit_mib: 64}, policies: [{name: all, type: always_sample}], `+tt.config+`}`)
				for i := range byte(3) {
					r.mustTake(t, trace(i+1, 2, false))
					time.Sleep(17 * time.Millisecond)
				}
				time.Sleep(5 * time.Second)
				require.EqualValues(t, 3, r.figure(t, "global_count_traces_sampled", "decision", "sampled"))
				soon := int64(0)
				for _, bound := range []string{"5ms", "10ms", "25ms", "50ms"} {
					soon += r.figure(t, "decision_lag_traces", "lag_max", bound)
				}
				require.Equal(t, tt.counted, soon)
				require.Equal(t, tt.counted, r.figure(t, "decision_lag_traces"))
				require.Zero(t, r.figure(t, "decision_lag_traces", "lag_max", "+Inf"))
			})
		})
	}
}
