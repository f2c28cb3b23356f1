package tracestoreexporter

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-slo/otelcol-slo/internal/tracestore"
)

const scopeName = "github.com/otelcol-slo/otelcol-slo/exporters/tracestoreexporter"

// telemetry shows what is stored.
type telemetry struct{ registration metric.Registration }

func newTelemetry(set component.TelemetrySettings, s *tracestore.Store) (*telemetry, error) {
	meter := set.MeterProvider.Meter(scopeName)
	traces, err1 := meter.Int64ObservableGauge("otelcol_trace_store_traces", metric.WithUnit("{trace}"), metric.WithDescription("Traces stored."))
	bytes, err2 := meter.Int64ObservableGauge("otelcol_trace_store_size", metric.WithUnit("By"), metric.WithDescription("What the traces stored take."))
	evicted, err3 := meter.Int64ObservableCounter("otelcol_trace_store_evicted_spans", metric.WithUnit("{span}"),
		metric.WithDescription("Spans that made room for later ones."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		st := s.Stats()
		o.ObserveInt64(traces, int64(st.Traces))
		o.ObserveInt64(bytes, st.Bytes)
		o.ObserveInt64(evicted, int64(st.EvictedSpans))
		return nil
	}, traces, bytes, evicted)
	if err != nil {
		return nil, err
	}
	return &telemetry{registration}, nil
}

func (t *telemetry) close() error { return t.registration.Unregister() }
