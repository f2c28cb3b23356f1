package tailsamplingprocessor

import (
	"fmt"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

// notes says of every key that is set and does not do here what it does in contrib's processor what replaces it.
func (c *Config) notes() []string {
	var list []string
	note := func(set bool, format string, args ...any) {
		if set {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	note(c.NumTraces > 0, "num_traces: %d bounds nothing here: memory.limit_mib bounds the bytes that are held, and the oldest traces are "+
		"decided before one is let go", c.NumTraces)
	note(c.ExpectedNewTracesPerSec > 0, "expected_new_traces_per_sec: %d is not needed: memory is taken as it is used, up to memory.limit_mib",
		c.ExpectedNewTracesPerSec)
	note(c.NumShards > 1, "num_shards: %d is not needed: all processors are used, and limits of policies are of all traces together", c.NumShards)
	note(c.DecisionCache != DecisionCacheConfig{}, "decision_cache: kept and dropped traces are remembered together, the latest %d, see "+
		"decision_memory.traces_max", c.sampling().DecisionMemory.TracesMax)
	note(c.MaximumTraceSizeBytes > 0, "maximum_trace_size_bytes: a trace of more than %d bytes is decided as any other; of its spans beyond them "+
		"only those are held that satisfy a condition of a policy", c.MaximumTraceSizeBytes)
	note(c.DecisionWait <= 0, "decision_wait: %s stands for %s", c.DecisionWait, contribsShortestWait)
	note(c.DecisionWait > 0 && c.DecisionWait < time.Millisecond, "decision_wait: %s stands for %s: a number without a unit is nanoseconds, write %ds "+
		"if seconds are meant", c.DecisionWait, contribsShortestWait, c.DecisionWait)
	note(c.SamplingStrategy == spanIngest, "sampling_strategy: a trace that no policy is sure of is decided by all of them at decision_wait")
	note(len(c.Policies) == 0 && c.PoliciesFile == "", "policies: there are none, so that traces with an error, traces of 500 ms and more, and 1 %% of all are kept")
	return list
}

// policyNotes says of every policy what of it has no effect. loaded is the configuration with the policies of its file.
func (c *Config) policyNotes(loaded *sampling.Config) []string {
	var list []string
	loaded.EachPolicy(func(path string, p *sampling.PolicyConfig) {
		if p.Type == "slo" && len(c.SLO.SLOs)+len(c.SLO.Files) == 0 {
			list = append(list, path+": a policy of type slo matches nothing: no SLO is declared under slo")
		}
	})
	return append(list, loaded.Notes()...)
}
