package sampling

import (
	"errors"
	"fmt"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/operations"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// Config is the `sampling:` block.
type Config struct {
	// DecisionWait is the time from the arrival of a trace's first span to its decision. Default 10s.
	DecisionWait time.Duration `mapstructure:"decision_wait"`

	// DecisionWaitAfterRoot is the time from the arrival of a trace's root to its decision, where that comes before the end of
	// DecisionWait. Default 0s: the root changes nothing.
	DecisionWaitAfterRoot time.Duration `mapstructure:"decision_wait_after_root_received"`

	// DecideEarly: a trace that will be kept whatever else arrives is decided at once; its later spans follow it. Default false.
	DecideEarly bool `mapstructure:"decide_early"`

	// SampleOnFirstMatch: policies behind the first one that matches a trace are not asked, which only matters to their limits of
	// rate. Default false.
	SampleOnFirstMatch bool `mapstructure:"sample_on_first_match"`

	// DecisionWaitMin is how much of DecisionWait is left to a trace when the memory budget is used up and the oldest
	// traces are decided early. Default 2s. 0: a trace may be decided as soon as its first span is recorded.
	DecisionWaitMin time.Duration `mapstructure:"decision_wait_min"`

	// RescueWindow is how long the spans of a dropped trace are still held, so that a late error or a late slow span
	// brings the whole trace back. Default 30s. 0: off, a late span is kept alone.
	RescueWindow time.Duration `mapstructure:"rescue_window"`

	// MaxTraceMiB is how many MiB of spans are held of one trace. Beyond it only spans that satisfy a condition of some
	// policy are held; the others still count for the decision. Default 16; 1 to 4095.
	MaxTraceMiB int `mapstructure:"max_trace_mib"`

	// MaxTraceBytes is the same in bytes, for doors that are asked for it that way. 0, the default: MaxTraceMiB counts.
	MaxTraceBytes uint64 `mapstructure:"-"`

	// Compression is how the bytes of held spans are held: none, the default; s2, a third of the memory for half of the
	// processor time again; or zstd, a little smaller and three times as dear.
	Compression string `mapstructure:"compression"`

	// Storage keeps on disk what is held, so that it outlives the process.
	Storage StorageConfig `mapstructure:"storage"`

	// DecisionMemory is what is remembered of traces whose record is gone.
	DecisionMemory DecisionMemoryConfig `mapstructure:"decision_memory"`

	// OperationsMax is how many operations, and how many versions of services, are known at once, where relative_latency or first_seen
	// policies compare spans by them. When there are as many, those that were not seen for an hour are forgotten; no such policy matches by
	// what there is no room for. Default 10,000; 1 to 1,048,576. Durations take about 1 KiB an operation.
	OperationsMax int `mapstructure:"operations_max"`

	// Policies decide. A trace is kept if any policy matches it and no drop policy does. None: [DefaultPolicies].
	Policies []PolicyConfig `mapstructure:"policies"`

	// PoliciesFile is a YAML file with `policies:`, and `shadow_policies:` if wanted, in place of those here. It is looked at every 10
	// seconds; when it has changed, what it says holds for all traces that are held, and what can't be used changes nothing.
	PoliciesFile string `mapstructure:"policies_file"`

	// ShadowPolicies are a second set that is asked beside the first, about the same traces. What it would keep is
	// counted, never done. None by default.
	ShadowPolicies []PolicyConfig `mapstructure:"shadow_policies"`

	// AnnotateSpans says which spans of a kept trace get attributes that tell why it was kept: none (default), root (the root, or
	// the first span where none is among those that go out), or all.
	AnnotateSpans string `mapstructure:"annotate_spans"`

	// DecisionLog is how many decisions to keep a trace are remembered with their reasons, for the question why. Default 100,000,
	// 96 bytes each; fewer where that is more than a sixty-fourth of the memory budget. 0: none.
	DecisionLog int `mapstructure:"decision_log"`
}

// TraceBytesMax returns how many bytes of spans are held of one trace.
func (c *Config) TraceBytesMax() uint32 {
	if c.MaxTraceBytes > 0 {
		return uint32(min(c.MaxTraceBytes, maxTraceMiBLimit<<20))
	}
	return uint32(c.MaxTraceMiB) << 20
}

// What AnnotateSpans can be.
const (
	AnnotateNone = "none"
	AnnotateRoot = "root"
	AnnotateAll  = "all"
)

// StorageConfig is the `storage:` block.
type StorageConfig struct {
	// Directory is where requests and decisions are stored, made where there is none; one engine at a time may use it. After a
	// kill, undecided traces are decided at their deadline as if nothing had happened. Empty, the default: nothing is stored.
	Directory string `mapstructure:"directory"`
	// MaxMiB is how many MiB of requests may be stored; beyond it the oldest leave, and a kill would lose them. 0, the default:
	// four times the memory budget.
	MaxMiB int64 `mapstructure:"max_mib"`
}

// DecisionMemoryConfig is the `decision_memory:` block.
type DecisionMemoryConfig struct {
	// TracesMax is how many decisions are remembered, so that a late span follows its trace: never fewer while the
	// memory budget allows, never more than twice as many; the oldest are forgotten first. Default 1,000,000. 0: none,
	// a late span starts a trace of its own.
	TracesMax int `mapstructure:"traces_max"`
}

// decisionLogLimit bounds decision_log.
const decisionLogLimit = 1 << 20

// maxTraceMiBLimit keeps a trace's bytes countable in 32 bits.
const maxTraceMiBLimit = 4095

// TracesMaxLimit bounds decision_memory.traces_max.
const TracesMaxLimit = 1 << 30

// DefaultConfig returns the defaults of every key; Policies is nil, which stands for [DefaultPolicies].
func DefaultConfig() Config {
	return Config{
		DecisionWait:    10 * time.Second,
		DecisionWaitMin: 2 * time.Second,
		RescueWindow:    30 * time.Second,
		MaxTraceMiB:     16,
		Compression:     "none",
		DecisionMemory:  DecisionMemoryConfig{TracesMax: 1_000_000},
		AnnotateSpans:   AnnotateNone,
		DecisionLog:     100_000,
		OperationsMax:   10_000,
	}
}

// DefaultPolicies is what decides when no policy is configured: keep every trace with an error, every trace of 500 ms
// or longer, and 1 % of all.
func DefaultPolicies() []PolicyConfig {
	return []PolicyConfig{
		{Name: "errors", Type: "status_code", StatusCode: &StatusCodeConfig{StatusCodes: []string{"ERROR"}}},
		{Name: "slow", Type: "latency", Latency: &LatencyConfig{ThresholdMs: 499}},
		{Name: "baseline", Type: "probabilistic", Probabilistic: &ProbabilisticConfig{SamplingPercentage: 1}},
	}
}

// Validate reports every mistake of the block at once, each with the path of its key, the rule and the value given.
func (c *Config) Validate() error {
	var errs problems
	if c.DecisionWaitMin < 0 {
		errs.addf("decision_wait_min", "must be at least 0s (got %s)", c.DecisionWaitMin)
	}
	switch {
	case c.DecisionWait <= 0:
		errs.addf("decision_wait", "must be above 0s (got %s): 10s is the default", c.DecisionWait)
	case c.DecisionWait < c.DecisionWaitMin:
		errs.addf("decision_wait", "must be at least decision_wait_min, %s (got %s): lower decision_wait_min as well",
			c.DecisionWaitMin, c.DecisionWait)
	}
	if c.DecisionWaitAfterRoot < 0 {
		errs.addf("decision_wait_after_root_received", "must be at least 0s (got %s): 0s turns it off", c.DecisionWaitAfterRoot)
	}
	if c.RescueWindow < 0 {
		errs.addf("rescue_window", "must be at least 0s (got %s): 0s turns it off", c.RescueWindow)
	}
	if c.MaxTraceMiB < 1 || c.MaxTraceMiB > maxTraceMiBLimit {
		errs.addf("max_trace_mib", "must be between 1 and %d (got %d)", maxTraceMiBLimit, c.MaxTraceMiB)
	}
	if n := c.DecisionMemory.TracesMax; n < 0 || n > TracesMaxLimit {
		errs.addf("decision_memory.traces_max", "must be between 0 and %d (got %d): 0 turns it off", TracesMaxLimit, n)
	}
	if n := c.OperationsMax; n < 1 || n > operations.MaxLimit {
		errs.addf("operations_max", "must be between 1 and %d (got %d)", operations.MaxLimit, n)
	}
	if c.PoliciesFile != "" && len(c.Policies)+len(c.ShadowPolicies) > 0 {
		errs.addf("policies_file", "must not be there beside policies or shadow_policies (got %q): say them in one place", c.PoliciesFile)
	}
	switch c.AnnotateSpans {
	case AnnotateNone, AnnotateRoot, AnnotateAll:
	default:
		errs.addf("annotate_spans", "must be none, root or all (got %q)", c.AnnotateSpans)
	}
	if c.DecisionLog < 0 || c.DecisionLog > decisionLogLimit {
		errs.addf("decision_log", "must be between 0 and %d (got %d): 0 turns it off", decisionLogLimit, c.DecisionLog)
	}
	if c.Storage.MaxMiB < 0 {
		errs.addf("storage.max_mib", "must be at least 0 (got %d): 0 is four times the memory budget", c.Storage.MaxMiB)
	}
	if _, err := tracebuf.ParseCompression(c.Compression); err != nil {
		errs.addf("compression", "%w", err)
	}
	validatePolicies("policies", c.Policies, &errs)
	validatePolicies("shadow_policies", c.ShadowPolicies, &errs)
	return errs.join()
}

// problems collects the mistakes of a configuration.
type problems struct{ list []error }

// addf notes that the key at path breaks a rule; the rule reads on from the path.
func (p *problems) addf(path, rule string, args ...any) {
	p.list = append(p.list, fmt.Errorf("%s "+rule, append([]any{path}, args...)...))
}

func (p *problems) join() error { return errors.Join(p.list...) }
