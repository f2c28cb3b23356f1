package tailsamplingprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
)

var componentType = component.MustNewType("tail_sampling")

// NewFactory returns the factory of component tail_sampling.
func NewFactory() processor.Factory {
	return processor.NewFactory(componentType, createDefaultConfig, processor.WithTraces(createTraces, component.StabilityLevelAlpha))
}

func createTraces(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
	return newProcessor(cfg.(*Config), set, next), nil
}
