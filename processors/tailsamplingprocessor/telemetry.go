package tailsamplingprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-slo/otelcol-slo/internal/enginefigures"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

const (
	scopeName    = "github.com/otelcol-slo/otelcol-slo/processors/tailsamplingprocessor"
	metricPrefix = "otelcol_processor_tail_sampling_"
)

// telemetry shows the processor's and the engine's figures as own metrics. They are read when somebody asks, never on the
// way of a request.
type telemetry struct{ registration metric.Registration }

func newTelemetry(set component.TelemetrySettings, e *spanpipe.Engine, p *tailSampling) (*telemetry, error) {
	meter := set.MeterProvider.Meter(scopeName)
	requests, err := meter.Int64ObservableCounter(metricPrefix+"refused_requests",
		metric.WithDescription("Requests that the processor refused, by reason."), metric.WithUnit("{request}"))
	if err != nil {
		return nil, err
	}
	waiting, err := meter.Int64ObservableGauge(metricPrefix+"waiting_requests",
		metric.WithDescription("Requests that wait for room in the memory budget."), metric.WithUnit("{request}"))
	if err != nil {
		return nil, err
	}
	combinations, err := meter.Int64ObservableGauge(metricPrefix+"metadata_cardinality",
		metric.WithDescription("Combinations of metadata values that spans came with since the start."), metric.WithUnit("{combination}"))
	if err != nil {
		return nil, err
	}
	figures, err := enginefigures.New(meter, metricPrefix, false)
	if err != nil {
		return nil, err
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		stats := e.Stats(time.Now())
		figures.Observe(o, &stats)
		o.ObserveInt64(waiting, p.waiting.Load())
		o.ObserveInt64(combinations, p.contexts.count())
		p.refused.observe(func(v int64, attributes ...attribute.KeyValue) {
			o.ObserveInt64(requests, v, metric.WithAttributes(attributes...))
		})
		return nil
	}, append(figures.Instruments(), requests, waiting, combinations)...)
	return &telemetry{registration}, err
}

func (t *telemetry) close() error { return t.registration.Unregister() }
