package translate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/otlptranslator"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// Settings say how names and labels are made.
type Settings struct {
	// Namespace is put before every metric name; empty: nothing is.
	Namespace string
	// Strategy is how names are escaped and whether units and types are appended to them. One of otlptranslator's.
	Strategy otlptranslator.TranslationStrategyOption
	// ExternalLabels are added to every series that has no label of the name.
	ExternalLabels map[string]string
	// TargetInfo adds a target_info series for each resource that has attributes beyond those in job and instance.
	TargetInfo bool
	// ScopeInfo adds the instrumentation scope as otel_scope_… labels.
	ScopeInfo bool
	// ConstantLabels are the resource attributes that are added as labels. They win over those of a point.
	ConstantLabels AttributeFilter
	// CustomBuckets makes native histograms with custom buckets of explicit histograms, not classic ones.
	CustomBuckets bool
	// KeepClassic makes both. It means nothing without CustomBuckets.
	KeepClassic bool
}

// Validate returns an error for what cannot be translated by.
func (s *Settings) Validate() error {
	_, err := New(*s)
	return err
}

// Translator turns metrics into series. It never changes.
type Translator struct {
	settings Settings
	metrics  otlptranslator.MetricNamer
	labels   otlptranslator.LabelNamer
	units    otlptranslator.UnitNamer
	external []remotewrite.Label // sorted
	target   string              // name of target_info
}

// New returns a translator. It fails for an unknown strategy and for external labels without name or value.
func New(s Settings) (*Translator, error) {
	strategies := []otlptranslator.TranslationStrategyOption{
		otlptranslator.UnderscoreEscapingWithSuffixes, otlptranslator.UnderscoreEscapingWithoutSuffixes,
		otlptranslator.NoUTF8EscapingWithSuffixes, otlptranslator.NoTranslation,
	}
	var errs []error
	if !slices.Contains(strategies, s.Strategy) {
		errs = append(errs, fmt.Errorf("translation_strategy must be one of %v (got %q)", strategies, s.Strategy))
	}
	utf8 := !s.Strategy.ShouldEscape()
	t := &Translator{
		settings: s,
		metrics:  otlptranslator.NewMetricNamer(s.Namespace, s.Strategy),
		// A leading underscore becomes key_, as in Prometheus' own OTLP endpoint and the contrib exporter.
		labels: otlptranslator.LabelNamer{UTF8Allowed: utf8, UnderscoreLabelSanitization: true}, //nolint:staticcheck // see above
		units:  otlptranslator.UnitNamer{UTF8Allowed: utf8},
		target: otlptranslator.TargetInfoMetricName,
	}
	if s.Namespace != "" {
		t.target = s.Namespace + "_" + t.target
	}
	for name, value := range s.ExternalLabels {
		label, err := t.labels.Build(name)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("external_labels: cannot make a label of %q: %w", name, err))
		case label == model.MetricNameLabel:
			errs = append(errs, fmt.Errorf("external_labels must not set %q: it is the name of every series", label))
		case value == "":
			errs = append(errs, fmt.Errorf("external_labels.%s must not be empty: an empty label is no label", name))
		default:
			t.external = append(t.external, remotewrite.Label{Name: label, Value: value})
		}
	}
	slices.SortFunc(t.external, byName)
	for i := 1; i < len(t.external); i++ {
		if t.external[i-1].Name == t.external[i].Name {
			errs = append(errs, fmt.Errorf("external_labels must have different names after escaping (two become %q)", t.external[i].Name))
		}
	}
	return t, errors.Join(errs...)
}

func byName(a, b remotewrite.Label) int { return strings.Compare(a.Name, b.Name) }
