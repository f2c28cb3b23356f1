package embeddedprometheusextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-slo/otelcol-slo/internal/promserver"
)

const scopeName = "github.com/otelcol-slo/otelcol-slo/extensions/embeddedprometheusextension"

// telemetry shows how full the storage is.
type telemetry struct{ registration metric.Registration }

func newTelemetry(set component.TelemetrySettings, p *promserver.Server) (*telemetry, error) {
	meter := set.MeterProvider.Meter(scopeName)
	gauge := func(name, unit, description string, err *error) metric.Int64ObservableGauge {
		g, failed := meter.Int64ObservableGauge("otelcol_embedded_prometheus_"+name, metric.WithUnit(unit), metric.WithDescription(description))
		if failed != nil {
			*err = failed
		}
		return g
	}
	var err error
	series := gauge("series", "{series}", "Series that had a sample lately.", &err)
	limit := gauge("series_limit", "{series}", "How many series there can be.", &err)
	bytes := gauge("storage", "By", "What blocks, write-ahead log and head chunks take.", &err)
	if err != nil {
		return nil, err
	}
	refused, err := meter.Int64ObservableCounter("otelcol_embedded_prometheus_refused_samples", metric.WithUnit("{sample}"),
		metric.WithDescription("Samples of new series that were refused, as there were as many as can be."))
	if err != nil {
		return nil, err
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := p.Stats()
		o.ObserveInt64(series, s.Series)
		o.ObserveInt64(limit, s.SeriesMax)
		o.ObserveInt64(bytes, s.Bytes)
		o.ObserveInt64(refused, int64(s.RefusedSamples))
		return nil
	}, series, limit, bytes, refused)
	if err != nil {
		return nil, err
	}
	return &telemetry{registration}, nil
}

func (t *telemetry) close() error { return t.registration.Unregister() }
