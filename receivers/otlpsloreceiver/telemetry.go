package otlpsloreceiver

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-slo/otelcol-slo/internal/enginefigures"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

const scopeName = "github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver"

// telemetry shows the receiver's and the engine's figures as own metrics. They are read when somebody asks, never on the
// way of a request.
type telemetry struct {
	flushFailures metric.Int64Counter
	registration  metric.Registration
	// flushed is when the metrics pipeline took a flush last, in Unix milliseconds; at first the start.
	flushed atomic.Int64
}

func newTelemetry(set component.TelemetrySettings, e *spanpipe.Engine, r *refused, received *reports) (*telemetry, error) {
	meter := set.MeterProvider.Meter(scopeName)
	t := &telemetry{}
	t.flushed.Store(time.Now().UnixMilli())
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
	flushLag, err := meter.Int64ObservableGauge("otelcol_otlp_slo_flush_lag",
		metric.WithDescription("How long ago the metrics pipeline took a flush last."), metric.WithUnit("ms"))
	if err != nil {
		return nil, err
	}
	figures, err := enginefigures.New(meter, "otelcol_otlp_slo_", true)
	if err != nil {
		return nil, err
	}
	instruments := append(figures.Instruments(), requests, flushLag)
	t.registration, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		received.flush(ctx)
		now := time.Now()
		o.ObserveInt64(flushLag, now.UnixMilli()-t.flushed.Load())
		stats := e.Stats(now)
		figures.Observe(o, &stats)
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
				put(int64(r.counts[t][s][why].Load()), attribute.String("transport", transportNames[t]),
					attribute.String("signal", signalNames[s]), attribute.String("reason", rules[why].name))
			}
		}
	}
}

func (t *telemetry) close() error { return t.registration.Unregister() }
