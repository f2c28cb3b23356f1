package prometheusremotewriteexporter

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/otlptranslator"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite/translate"
)

// TranslationConfig is what becomes of metrics. Its keys stand at the top level.
type TranslationConfig struct {
	// Namespace is put before every metric name; empty: nothing is.
	Namespace string `mapstructure:"namespace"`
	// ExternalLabels are added to every series that has no label of the name.
	ExternalLabels map[string]string `mapstructure:"external_labels"`
	// TranslationStrategy is how names are made; empty: as AddMetricSuffixes says.
	TranslationStrategy otlptranslator.TranslationStrategyOption `mapstructure:"translation_strategy"`
	// AddMetricSuffixes is the older way to choose between the two underscore-escaping strategies. Default true.
	AddMetricSuffixes bool `mapstructure:"add_metric_suffixes"`
	// TargetInfo is on by default.
	TargetInfo TargetInfoConfig `mapstructure:"target_info"`
	// DisableScopeInfo leaves out the otel_scope_… labels.
	DisableScopeInfo bool `mapstructure:"disable_scope_info"`
	// ResourceConstantLabels are the resource attributes that become labels. None by default.
	ResourceConstantLabels ResourceLabelsConfig `mapstructure:"resource_constant_labels"`
	// ResourceToTelemetry is the older way to say so.
	ResourceToTelemetry ResourceLabelsConfig `mapstructure:"resource_to_telemetry_conversion"`

	// ConvertExplicitHistogramsToNHCB makes native histograms with custom buckets of explicit histograms, not classic ones.
	// Remote-Write 1.0 has none: an endpoint that is sent 1.0 after all gets classic ones.
	ConvertExplicitHistogramsToNHCB bool `mapstructure:"convert_explicit_histograms_to_nhcb"`
	// KeepClassicHistograms makes both. It means nothing without ConvertExplicitHistogramsToNHCB.
	KeepClassicHistograms bool `mapstructure:"keep_classic_histograms"`

	// DeltaTemporality is what becomes of sums and histograms that count since the last report: they are left out (drop,
	// the default) or made cumulative (accumulate).
	DeltaTemporality DeltaTemporality `mapstructure:"delta_temporality"`
	// DeltaMaxSeries is the most series that are accumulated. Default 100000.
	DeltaMaxSeries int `mapstructure:"delta_max_series"`
	// DeltaMaxStale is how long a series is accumulated without a new point. Default 5m; 0: for ever.
	DeltaMaxStale time.Duration `mapstructure:"delta_max_stale"`
}

// TargetInfoConfig is the configuration of target_info.
type TargetInfoConfig struct {
	// Enabled sends it. Default true.
	Enabled bool `mapstructure:"enabled"`
}

// ResourceLabelsConfig chooses the resource attributes that become labels, by their keys. In a pattern * stands for any text
// and ? for one character. Nothing is chosen by default.
type ResourceLabelsConfig struct {
	// Included are patterns of what becomes a label; empty, where Excluded is not: all but those.
	Included []string `mapstructure:"included"`
	// Excluded are patterns of what doesn't, whatever Included says.
	Excluded []string `mapstructure:"excluded"`
	// Enabled is an older way to include all, where Included doesn't say what.
	Enabled bool `mapstructure:"enabled"`
	// ExcludeServiceAttributes is an older way to exclude service.name, service.namespace and service.instance.id.
	ExcludeServiceAttributes bool `mapstructure:"exclude_service_attributes"`
}

// filter returns what chooses.
func (c *ResourceLabelsConfig) filter() translate.AttributeFilter {
	f := translate.AttributeFilter{Included: c.Included, Excluded: c.Excluded}
	if c.Enabled && len(c.Included) == 0 {
		f.Included = []string{"*"}
	}
	if c.ExcludeServiceAttributes && len(f.Included)+len(f.Excluded) > 0 {
		f.Excluded = append(slices.Clip(f.Excluded), "service.name", "service.namespace", "service.instance.id")
	}
	return f
}

// set reports whether it says anything.
func (c *ResourceLabelsConfig) set() bool {
	return len(c.Included)+len(c.Excluded) > 0 || c.Enabled || c.ExcludeServiceAttributes
}

// DeltaTemporality is what becomes of points that count since the last report.
type DeltaTemporality string

const (
	dropDeltas       DeltaTemporality = "drop"
	accumulateDeltas DeltaTemporality = "accumulate"
)

func defaultTranslation() TranslationConfig {
	return TranslationConfig{
		AddMetricSuffixes: true,
		TargetInfo:        TargetInfoConfig{Enabled: true},
		DeltaTemporality:  dropDeltas,
		DeltaMaxSeries:    100_000,
		DeltaMaxStale:     5 * time.Minute,
	}
}

// validate returns all that is wrong with it where a message is sent.
func (c *TranslationConfig) validate(message remotewrite.Message) error {
	var errs []error
	if message == remotewrite.V1 && !c.strategy().ShouldEscape() {
		errs = append(errs, fmt.Errorf("translation_strategy %s makes names that Remote-Write 1.0 does not allow: set protobuf_message to %s or choose an UnderscoreEscaping strategy",
			c.strategy(), remotewrite.V2))
	}
	if message == remotewrite.V1 && c.ConvertExplicitHistogramsToNHCB {
		errs = append(errs, fmt.Errorf("convert_explicit_histograms_to_nhcb must not be true with protobuf_message %s: Remote-Write 1.0 has no custom buckets, set protobuf_message to %s or remove the one",
			remotewrite.V1, remotewrite.V2))
	}
	if c.ResourceToTelemetry.set() && c.ResourceConstantLabels.set() {
		errs = append(errs, errors.New("resource_to_telemetry_conversion must not be set beside resource_constant_labels: remove the one, included [\"*\"] in the other takes its place"))
	}
	if c.DeltaTemporality != dropDeltas && c.DeltaTemporality != accumulateDeltas {
		errs = append(errs, fmt.Errorf("delta_temporality must be %q or %q (got %q)", dropDeltas, accumulateDeltas, string(c.DeltaTemporality)))
	}
	if c.DeltaMaxSeries < 1 {
		errs = append(errs, fmt.Errorf("delta_max_series must be at least 1 (got %d): what is accumulated is always bounded", c.DeltaMaxSeries))
	}
	if c.DeltaMaxStale < 0 {
		errs = append(errs, fmt.Errorf("delta_max_stale must be at least 0s (got %s): 0s accumulates for ever", c.DeltaMaxStale))
	}
	settings := c.translation()
	return errors.Join(append(errs, settings.Validate())...)
}

func (c *TranslationConfig) strategy() otlptranslator.TranslationStrategyOption {
	switch {
	case c.TranslationStrategy != "":
		return c.TranslationStrategy
	case c.AddMetricSuffixes:
		return otlptranslator.UnderscoreEscapingWithSuffixes
	default:
		return otlptranslator.UnderscoreEscapingWithoutSuffixes
	}
}

func (c *TranslationConfig) translation() translate.Settings {
	return translate.Settings{
		Namespace:      c.Namespace,
		Strategy:       c.strategy(),
		ExternalLabels: c.ExternalLabels,
		TargetInfo:     c.TargetInfo.Enabled,
		ScopeInfo:      !c.DisableScopeInfo,
		ConstantLabels: c.constantLabels(),
		CustomBuckets:  c.ConvertExplicitHistogramsToNHCB,
		KeepClassic:    c.KeepClassicHistograms,
	}
}

func (c *TranslationConfig) constantLabels() translate.AttributeFilter {
	if c.ResourceToTelemetry.set() {
		return c.ResourceToTelemetry.filter()
	}
	return c.ResourceConstantLabels.filter()
}

// accumulator returns what makes delta points cumulative, nil where they are left out.
func (c *TranslationConfig) accumulator() *translate.Accumulator {
	if c.DeltaTemporality != accumulateDeltas {
		return nil
	}
	return translate.NewAccumulator(c.DeltaMaxSeries, c.DeltaMaxStale)
}
