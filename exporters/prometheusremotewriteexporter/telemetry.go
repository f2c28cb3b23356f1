package prometheusremotewriteexporter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite/translate"
)

const prefix = "otelcol_exporter_prometheusremotewrite_"

// telemetry is the exporter's own metrics. README.md lists them.
type telemetry struct {
	exporter attribute.KeyValue
	id       metric.MeasurementOption

	sentPoints          metric.Int64Counter
	failedPoints        metric.Int64Counter
	enqueueFailedPoints metric.Int64Counter
	droppedPoints       metric.Int64Counter
	failedTranslations  metric.Int64Counter
	translatedSeries    metric.Int64Counter
	requests            metric.Int64Counter
	retries             metric.Int64Counter
	sent                metric.Int64Counter
	failed              metric.Int64Counter
	writtenSamples      metric.Int64Counter
	writtenHistograms   metric.Int64Counter
	writtenExemplars    metric.Int64Counter

	registration metric.Registration
}

// observed is what the observed metrics show.
type observed struct {
	remotewrite.Pending
	age         time.Duration // of the oldest that is queued
	capacity    int           // payloads; 0: unbounded
	logCapacity int64         // bytes; 0: there is no log
	newestSent  int64         // Unix milliseconds
	downgraded  bool
}

func newTelemetry(set exporter.Settings, now func() observed) (*telemetry, error) {
	meter := set.MeterProvider.Meter(scopeName)
	t := &telemetry{exporter: attribute.String("exporter", set.ID.String())}
	t.id = metric.WithAttributeSet(attribute.NewSet(t.exporter))
	var errs []error
	for _, c := range []struct {
		to                      *metric.Int64Counter
		name, unit, description string
	}{
		{&t.sentPoints, "otelcol_exporter_sent_metric_points", "{datapoint}", "Number of metric points successfully sent to destination."},
		{&t.failedPoints, "otelcol_exporter_send_failed_metric_points", "{datapoint}", "Number of metric points given up after they were queued."},
		{&t.enqueueFailedPoints, "otelcol_exporter_enqueue_failed_metric_points", "{datapoint}", "Number of metric points refused: no room in the queue, an error of the log's disk, or a payload that is too large."},
		{&t.droppedPoints, prefix + "dropped_points", "{datapoint}", "Number of metric points left out, by reason."},
		{&t.failedTranslations, prefix + "failed_translations", "1", "Number of payloads of which some points were left out."},
		{&t.translatedSeries, prefix + "translated_time_series", "1", "Number of samples that were made of metric points."},
		{&t.requests, prefix + "sent_batches", "{batch}", "Number of requests sent, whatever the answer."},
		{&t.retries, prefix + "retries", "{batch}", "Number of waits before a request is sent again after a failure."},
		{&t.sent, prefix + "sent_samples", "{sample}", "Number of samples, histograms and exemplars that the endpoint took, by kind."},
		{&t.failed, prefix + "failed_samples", "{sample}", "Number of samples, histograms and exemplars that were queued and did not arrive, by kind and reason."},
		{&t.writtenSamples, prefix + "written_samples", "{sample}", "Number of samples that a Remote-Write 2.0 endpoint says it wrote."},
		{&t.writtenHistograms, prefix + "written_histograms", "{histogram}", "Number of histograms that a Remote-Write 2.0 endpoint says it wrote."},
		{&t.writtenExemplars, prefix + "written_exemplars", "{exemplar}", "Number of exemplars that a Remote-Write 2.0 endpoint says it wrote."},
	} {
		var err error
		*c.to, err = meter.Int64Counter(c.name, metric.WithUnit(c.unit), metric.WithDescription(c.description))
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("cannot create the exporter's metrics: %w", err)
	}
	return t, t.observe(meter, now)
}

func (t *telemetry) observe(meter metric.Meter, now func() observed) error {
	var errs []error
	var all []metric.Observable
	var show []func(metric.Observer, observed)
	gauge := func(name, unit, description string, value func(observed) int64) {
		g, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		all = append(all, g)
		show = append(show, func(to metric.Observer, o observed) { to.ObserveInt64(g, value(o), t.id) })
	}
	seconds := func(name, description string, value func(observed) float64) {
		g, err := meter.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(description))
		errs = append(errs, err)
		all = append(all, g)
		show = append(show, func(to metric.Observer, o observed) {
			if v := value(o); v >= 0 {
				to.ObserveFloat64(g, v, t.id)
			}
		})
	}
	gauge(prefix+"pending_bytes", "By", "Bytes of memory of what is queued or in flight.", func(o observed) int64 { return int64(o.Bytes) })
	gauge(prefix+"pending_samples", "{sample}", "Samples and histograms that are queued or in flight.", func(o observed) int64 { return int64(o.Samples) })
	gauge(prefix+"wal_bytes", "By", "Bytes of the log on disk.", func(o observed) int64 { return o.LogBytes })
	gauge(prefix+"wal_capacity", "By", "Bytes of the log on disk from which the oldest is lost.", func(o observed) int64 { return o.logCapacity })
	gauge(prefix+"consumers", "{consumer}", "Number of shards: of requests that may be in flight at once.", func(o observed) int64 { return int64(o.Shards) })
	gauge(prefix+"protocol_fallback", "1", "1 while the endpoint is sent Remote-Write 1.0 because it did not understand 2.0.", func(o observed) int64 {
		if o.downgraded {
			return 1
		}
		return 0
	})
	gauge("otelcol_exporter_queue_size", "{batch}", "Number of payloads of which something is queued or in flight.", func(o observed) int64 { return int64(o.Payloads) })
	gauge("otelcol_exporter_queue_capacity", "{batch}", "Number of payloads that the queue takes.", func(o observed) int64 { return int64(o.capacity) })
	seconds(prefix+"oldest_pending_age", "Age of the oldest that is queued or in flight, since it was queued.", func(o observed) float64 { return o.age.Seconds() })
	seconds(prefix+"highest_received_timestamp", "Highest timestamp of what was queued, Unix time.", func(o observed) float64 { return shown(o.Received) })
	seconds(prefix+"highest_sent_timestamp", "Highest timestamp of what arrived, Unix time.", func(o observed) float64 { return shown(o.newestSent) })
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot create the exporter's metrics: %w", err)
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		o := now()
		for _, f := range show {
			f(to, o)
		}
		return nil
	}, all...)
	if err != nil {
		return fmt.Errorf("cannot observe the queue: %w", err)
	}
	t.registration = registration
	return nil
}

// shown returns a timestamp in seconds, below 0 where there is none yet: then nothing is shown.
func shown(milliseconds int64) float64 {
	if milliseconds == 0 {
		return -1
	}
	return float64(milliseconds) / 1000
}

func (t *telemetry) shutdown() error { return t.registration.Unregister() }

func (t *telemetry) with(more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(more, t.exporter)...)
}

func add(counter metric.Int64Counter, n int, attributes metric.MeasurementOption) {
	if n != 0 {
		counter.Add(context.Background(), int64(n), attributes)
	}
}

// queued counts a payload that was taken in.
func (t *telemetry) queued(series int, dropped *translate.Dropped) {
	add(t.translatedSeries, series, t.id)
	if dropped.Total() == 0 {
		return
	}
	add(t.failedTranslations, 1, t.id)
	for reason, n := range dropped {
		add(t.droppedPoints, n, t.with(attribute.String("reason", translate.Reason(reason).String())))
	}
}

// kinds calls f for each kind of sample.
func kinds(c remotewrite.Counts, f func(kind attribute.KeyValue, n int)) {
	f(attribute.String("kind", "sample"), c.Samples)
	f(attribute.String("kind", "histogram"), c.Histograms)
	f(attribute.String("kind", "exemplar"), c.Exemplars)
}

func (t *telemetry) arrived(c remotewrite.Counts) {
	kinds(c, func(kind attribute.KeyValue, n int) { add(t.sent, n, t.with(kind)) })
}

func (t *telemetry) lost(c remotewrite.Counts, why remotewrite.Loss) {
	kinds(c, func(kind attribute.KeyValue, n int) {
		add(t.failed, n, t.with(kind, attribute.String("reason", string(why))))
	})
}

func (t *telemetry) written(c remotewrite.Counts) {
	add(t.writtenSamples, c.Samples, t.id)
	add(t.writtenHistograms, c.Histograms, t.id)
	add(t.writtenExemplars, c.Exemplars, t.id)
}
