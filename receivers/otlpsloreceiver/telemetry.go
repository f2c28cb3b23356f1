package otlpsloreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

const scopeName = "github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver"

// telemetry shows the receiver's and the engine's figures as own metrics. They are read when somebody asks, never on the
// way of a request.
type telemetry struct {
	flushFailures metric.Int64Counter
	registration  metric.Registration
}

func newTelemetry(set component.TelemetrySettings, e *spanpipe.Engine, r *refused, received *reports) (*telemetry, error) {
	meter := set.MeterProvider.Meter(scopeName)
	t := &telemetry{}
	var err error
	t.flushFailures, err = meter.Int64Counter("otelcol_otlp_slo_flush_failures",
		metric.WithDescription("Flushes of metrics that the next consumer refused; the next flush holds their figures."), metric.WithUnit("{flush}"))
	if err != nil {
		return nil, err
	}
	requests, err := meter.Int64ObservableCounter("otelcol_otlp_slo_refused_requests",
		metric.WithDescription("Requests that the receiver refused, by reason."), metric.WithUnit("{request}"))
	if err != nil {
		return nil, err
	}
	instruments := []metric.Observable{requests}
	observables := make([]metric.Int64Observable, len(figures))
	for i, f := range figures {
		if observables[i], err = f.instrument(meter); err != nil {
			return nil, err
		}
		instruments = append(instruments, observables[i])
	}
	t.registration, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		received.flush(ctx)
		stats := e.Stats(time.Now())
		for i, f := range figures {
			f.observe(&stats, func(v int64, attributes ...attribute.KeyValue) {
				o.ObserveInt64(observables[i], v, metric.WithAttributes(attributes...))
			})
		}
		r.observe(func(v int64, attributes ...attribute.KeyValue) {
			o.ObserveInt64(requests, v, metric.WithAttributes(attributes...))
		})
		return nil
	}, instruments...)
	return t, err
}

// observe puts the counts of all reasons, also of those that are 0: what is there from the start can be alerted on.
func (r *refused) observe(put func(value int64, attributes ...attribute.KeyValue)) {
	for t := range transports {
		for s := range signals {
			for why := range reasons {
				put(int64(r[t][s][why].Load()), attribute.String("transport", transportNames[t]),
					attribute.String("signal", signalNames[s]), attribute.String("reason", rules[why].name))
			}
		}
	}
}

func (t *telemetry) close() error { return t.registration.Unregister() }
