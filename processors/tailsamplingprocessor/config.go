package tailsamplingprocessor

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-slo/otelcol-slo/internal/confighint"
	"github.com/otelcol-slo/otelcol-slo/internal/ottlcondition"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// Config is the configuration of a processor tail_sampling: contrib's keys, and ours beside them.
type Config struct {
	// DecisionWait is the time from the arrival of a trace's first span to its decision. Default 30s. What is below a
	// millisecond, such as a number without its unit, stands for a second, contrib's shortest.
	DecisionWait time.Duration `mapstructure:"decision_wait"`
	// DecisionWaitAfterRootReceived is the time from the arrival of a trace's root to its decision, where that comes sooner.
	// Default 0: off.
	DecisionWaitAfterRootReceived time.Duration `mapstructure:"decision_wait_after_root_received"`
	// SampleOnFirstMatch: the first policy that matches decides. Default false.
	SampleOnFirstMatch bool `mapstructure:"sample_on_first_match"`
	// SamplingStrategy is trace-complete, the default, or span-ingest: a trace is decided as soon as a policy is sure of it.
	SamplingStrategy string `mapstructure:"sampling_strategy"`
	// BlockOnOverflow: a request for which the budget has no room waits for it. Default false: it is refused, and may be
	// sent again.
	BlockOnOverflow bool `mapstructure:"block_on_overflow"`
	// DropPendingTracesOnShutdown: what is not decided at the end is dropped. Default false: it is decided as it is.
	DropPendingTracesOnShutdown bool `mapstructure:"drop_pending_traces_on_shutdown"`
	// MaximumTraceSizeBytes is MaxTraceMiB in bytes, and counts where it is above 0, the default.
	MaximumTraceSizeBytes uint64 `mapstructure:"maximum_trace_size_bytes"`
	// DecisionCache asks for as many remembered decisions as the greater of its two.
	DecisionCache DecisionCacheConfig `mapstructure:"decision_cache"`
	// Policies decide. A trace is kept if any policy matches it and no drop policy does. None: sampling.DefaultPolicies.
	Policies []sampling.PolicyConfig `mapstructure:"policies"`

	// NumTraces, ExpectedNewTracesPerSec and NumShards are taken and mean nothing: Memory bounds what is held, and all
	// processors are used.
	NumTraces               uint64 `mapstructure:"num_traces"`
	ExpectedNewTracesPerSec uint64 `mapstructure:"expected_new_traces_per_sec"`
	NumShards               uint32 `mapstructure:"num_shards"`
	// TailStorage is refused.
	TailStorage *component.ID `mapstructure:"tail_storage"`

	// DecisionWaitMin is how much of DecisionWait is left when the budget is used up. Default 2s; at most DecisionWait.
	DecisionWaitMin time.Duration `mapstructure:"decision_wait_min"`
	// RescueWindow is how long the spans of a dropped trace are held for a late error. Default 30s. 0: off.
	RescueWindow time.Duration `mapstructure:"rescue_window"`
	// MaxTraceMiB is how many MiB of spans are held of one trace. Default 16; 1 to 4095.
	MaxTraceMiB int `mapstructure:"max_trace_mib"`
	// Compression, Storage, OperationsMax, PoliciesFile, ShadowPolicies, AnnotateSpans and DecisionLog are those of sampling.Config.
	Compression    string                  `mapstructure:"compression"`
	Storage        sampling.StorageConfig  `mapstructure:"storage"`
	OperationsMax  int                     `mapstructure:"operations_max"`
	PoliciesFile   string                  `mapstructure:"policies_file"`
	ShadowPolicies []sampling.PolicyConfig `mapstructure:"shadow_policies"`
	AnnotateSpans  string                  `mapstructure:"annotate_spans"`
	DecisionLog    int                     `mapstructure:"decision_log"`
	// SLO declares the SLOs that policies of type slo are about. They are judged, and counted for nothing else. Default: none.
	SLO slo.Config `mapstructure:"slo"`
	// DecisionMemory is what is remembered of traces whose record is gone.
	DecisionMemory sampling.DecisionMemoryConfig `mapstructure:"decision_memory"`
	// Memory bounds what is held.
	Memory MemoryConfig `mapstructure:"memory"`
	// Debug is where one asks why a trace was kept. It says who sends what: keep it on this machine.
	Debug Debug `mapstructure:"debug"`
	// Output says how kept traces leave.
	Output spanpipe.OutputConfig `mapstructure:"output"`
	// MetadataKeys are the keys of client metadata that stay with spans: kept traces go out in a call for each combination of
	// values, whose context has them. Default: none, calls have no metadata. Case does not count.
	MetadataKeys []string `mapstructure:"metadata_keys"`
	// MetadataCardinalityLimit is how many combinations there may be; requests with another one are refused. Default 1000; 1 to
	// 65536.
	MetadataCardinalityLimit int `mapstructure:"metadata_cardinality_limit"`
	// ShutdownTimeout bounds how long deciding and sending may take at the end. Default 20s; must be above 0.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
}

// DecisionCacheConfig is contrib's `decision_cache:` block.
type DecisionCacheConfig struct {
	// SampledCacheSize and NonSampledCacheSize are numbers of decisions. Default 0: decision_memory counts.
	SampledCacheSize    int `mapstructure:"sampled_cache_size"`
	NonSampledCacheSize int `mapstructure:"non_sampled_cache_size"`
}

// MemoryConfig is the `memory:` block. The Go heap is not ours alone, so its limit is left to who runs the process.
type MemoryConfig struct {
	// LimitMiB is the budget of all that is held, outside of the Go heap for the most part, in MiB. 0, the default, takes half
	// of the container's or the machine's memory. At least 64.
	LimitMiB int64 `mapstructure:"limit_mib"`
}

// Validate returns the rules that the block breaks.
func (m *MemoryConfig) Validate() error {
	whole := spanpipe.MemoryConfig{LimitMiB: m.LimitMiB}
	return whole.Validate()
}

var (
	_ component.Config  = (*Config)(nil)
	_ confmap.Validator = (*Config)(nil)
)

// Values of sampling_strategy.
const (
	traceComplete = "trace-complete"
	spanIngest    = "span-ingest"
)

const (
	decisionWaitDefault = 30 * time.Second
	contextsDefault     = 1000
	contextsMax         = 1 << 16
)

func createDefaultConfig() component.Config {
	engine := spanpipe.DefaultConfig()
	return &Config{
		DecisionWait:             decisionWaitDefault,
		SamplingStrategy:         traceComplete,
		DecisionWaitMin:          engine.Sampling.DecisionWaitMin,
		RescueWindow:             engine.Sampling.RescueWindow,
		MaxTraceMiB:              engine.Sampling.MaxTraceMiB,
		Compression:              engine.Sampling.Compression,
		OperationsMax:            engine.Sampling.OperationsMax,
		AnnotateSpans:            engine.Sampling.AnnotateSpans,
		DecisionLog:              engine.Sampling.DecisionLog,
		DecisionMemory:           engine.Sampling.DecisionMemory,
		Output:                   engine.Output,
		Debug:                    defaultDebug(),
		MetadataCardinalityLimit: contextsDefault,
		ShutdownTimeout:          20 * time.Second,
	}
}

// Unmarshal reads the configuration as the Collector does; mistakes are told as those of Validate.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return confighint.Unmarshal(conf, c) }

// Validate returns the rules that are broken, apart from those of memory and output, which the Collector asks itself.
func (c *Config) Validate() error {
	var errs []error
	addf := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.TailStorage != nil {
		addf("tail_storage must not be set (got %q): spans are held as bytes that are the engine's own, an extension can't hold them; "+
			"memory.limit_mib says how much is held", c.TailStorage)
	}
	if c.SamplingStrategy != traceComplete && c.SamplingStrategy != spanIngest {
		addf("sampling_strategy must be %s or %s (got %q): %s is the default", traceComplete, spanIngest, c.SamplingStrategy, traceComplete)
	}
	if c.ShutdownTimeout <= 0 {
		addf("shutdown_timeout must be a positive duration (got %s): 20s is the default", c.ShutdownTimeout)
	}
	if n := c.MetadataCardinalityLimit; n < 1 || n > contextsMax {
		addf("metadata_cardinality_limit must be between 1 and %d (got %d): %d is the default", contextsMax, n, contextsDefault)
	}
	seen := map[string]bool{}
	for i, key := range c.MetadataKeys {
		lower := strings.ToLower(key)
		switch {
		case key == "":
			addf("metadata_keys[%d] must not be empty (got %q): it names a key of client metadata", i, key)
		case seen[lower]:
			addf("metadata_keys[%d] must be listed once (got %q): case does not count", i, key)
		}
		seen[lower] = true
	}
	ours := c.sampling()
	return errors.Join(append(errs, ours.Validate(), ottlcondition.Check(ours))...)
}

// contribsShortestWait is what contrib makes of a decision_wait below it, its ticks being that long.
const contribsShortestWait = time.Second

// sampling returns what contrib's keys and ours come to.
func (c *Config) sampling() sampling.Config {
	wait := c.DecisionWait
	if wait < time.Millisecond {
		wait = contribsShortestWait
	}
	s := sampling.DefaultConfig()
	s.DecisionWait = wait
	s.DecisionWaitMin = min(c.DecisionWaitMin, wait)
	s.DecisionWaitAfterRoot = max(c.DecisionWaitAfterRootReceived, 0)
	s.DecideEarly = c.SamplingStrategy == spanIngest
	s.SampleOnFirstMatch = c.SampleOnFirstMatch
	s.RescueWindow = c.RescueWindow
	s.MaxTraceMiB, s.MaxTraceBytes = c.MaxTraceMiB, c.MaximumTraceSizeBytes
	s.DecisionMemory.TracesMax = max(c.DecisionMemory.TracesMax,
		min(max(c.DecisionCache.SampledCacheSize, c.DecisionCache.NonSampledCacheSize), sampling.TracesMaxLimit))
	s.Policies, s.PoliciesFile, s.ShadowPolicies = c.Policies, c.PoliciesFile, c.ShadowPolicies
	s.Compression, s.Storage = c.Compression, c.Storage
	s.OperationsMax, s.AnnotateSpans, s.DecisionLog = c.OperationsMax, c.AnnotateSpans, c.DecisionLog
	return s
}

func (c *Config) engine() spanpipe.Config {
	e := spanpipe.DefaultConfig()
	e.Memory.LimitMiB = c.Memory.LimitMiB
	e.Sampling = c.sampling()
	e.Output = c.Output
	e.Coverage.Enabled = false
	return e
}
