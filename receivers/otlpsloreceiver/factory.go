package otlpsloreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
)

var componentType = component.MustNewType("otlp_slo")

// NewFactory returns the factory of component otlp_slo.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(
		componentType,
		createDefaultConfig,
		receiver.WithTraces(createTraces, component.StabilityLevelAlpha),
		receiver.WithMetrics(createMetrics, component.StabilityLevelAlpha),
		receiver.WithLogs(createLogs, component.StabilityLevelAlpha),
	)
}

func createTraces(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
	return instances.signal(set, cfg.(*Config), func(r *otlpReceiver) { r.nextTraces = next }), nil
}

func createMetrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	return instances.signal(set, cfg.(*Config), func(r *otlpReceiver) { r.nextMetrics = next }), nil
}

func createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	return instances.signal(set, cfg.(*Config), func(r *otlpReceiver) { r.nextLogs = next }), nil
}
