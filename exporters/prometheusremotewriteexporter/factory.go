package prometheusremotewriteexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/xexporter"
)

var (
	componentType = component.MustNewType("prometheus_remote_write")
	// deprecatedType is what the contrib exporter was called before v0.158.
	deprecatedType = component.MustNewType("prometheusremotewrite")
)

const (
	stability = component.StabilityLevelAlpha
	scopeName = "github.com/otelcol-slo/otelcol-slo/exporters/prometheusremotewriteexporter"
)

// NewFactory returns the factory of the prometheus_remote_write exporter.
func NewFactory() exporter.Factory {
	return xexporter.NewFactory(componentType, createDefaultConfig,
		xexporter.WithMetrics(createMetrics, stability),
		xexporter.WithDeprecatedTypeAlias(deprecatedType),
	)
}

func createMetrics(_ context.Context, set exporter.Settings, config component.Config) (exporter.Metrics, error) {
	return newMetricsExporter(set, config.(*Config))
}
