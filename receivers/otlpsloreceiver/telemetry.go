package otlpsloreceiver

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

const scopeName = "github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver"

// telemetry shows the engine's figures as own metrics. They are read when somebody asks, never on the way of a span.
type telemetry struct {
	flushFailures metric.Int64Counter
	registrations []metric.Registration
}

// figure is one own metric: where its values are in the engine's figures.
type figure struct {
	name, description, unit string
	gauge                   bool
	observe                 func(s *spanpipe.Stats, put func(value int64, attributes ...attribute.KeyValue))
}

func newTelemetry(set component.TelemetrySettings, e *spanpipe.Engine, r *refusals) (*telemetry, error) {
	meter := set.MeterProvider.Meter(scopeName)
	t := &telemetry{}
	var err error
	t.flushFailures, err = meter.Int64Counter("otelcol_otlp_slo_flush_failures",
		metric.WithDescription("Flushes of metrics that the next consumer refused; the next flush holds their figures."), metric.WithUnit("{flush}"))
	if err != nil {
		return nil, err
	}
	instruments := make([]metric.Observable, len(figures))
	observables := make([]metric.Int64Observable, len(figures))
	for i, f := range figures {
		if observables[i], err = f.instrument(meter); err != nil {
			return nil, err
		}
		instruments[i] = observables[i]
	}
	doors, err := meter.Int64ObservableCounter("otelcol_otlp_slo_refused_requests",
		metric.WithDescription("Requests that were refused, by reason."), metric.WithUnit("{request}"))
	if err != nil {
		return nil, err
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		stats := e.Stats(time.Now())
		for i, f := range figures {
			f.observe(&stats, func(v int64, attributes ...attribute.KeyValue) {
				o.ObserveInt64(observables[i], v, metric.WithAttributes(attributes...))
			})
		}
		for reason := range refusalReasons {
			o.ObserveInt64(doors, int64(r[reason].Load()), metric.WithAttributes(attribute.String("reason", reason.name())))
		}
		for _, refused := range stats.Refused {
			o.ObserveInt64(doors, int64(refused.Requests), metric.WithAttributes(attribute.String("reason", refused.Reason)))
		}
		return nil
	}, append(instruments, doors)...)
	if err != nil {
		return nil, err
	}
	t.registrations = append(t.registrations, registration)
	return t, nil
}

func (f *figure) instrument(m metric.Meter) (metric.Int64Observable, error) {
	if f.gauge {
		return m.Int64ObservableGauge(f.name, metric.WithDescription(f.description), metric.WithUnit(f.unit))
	}
	return m.Int64ObservableCounter(f.name, metric.WithDescription(f.description), metric.WithUnit(f.unit))
}

func (t *telemetry) close() error {
	var errs []error
	for _, r := range t.registrations {
		errs = append(errs, r.Unregister())
	}
	return errors.Join(errs...)
}

func outcome(v string) attribute.KeyValue { return attribute.String("outcome", v) }

// figures are all own metrics of the engine. Names that contrib's tail_sampling has too mean the same here.
var figures = []figure{
	{"otelcol_otlp_slo_accepted_spans", "Spans that were accepted, counted and buffered.", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.AcceptedSpans)) }},
	{"otelcol_otlp_slo_spans", "What became of accepted spans. With the spans held, the outcomes add up to the accepted ones.", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.DeliveredSpans), outcome("delivered"))
			put(int64(s.DeliveredLateSpans), outcome("late_delivered"))
			put(int64(s.Buffer.DroppedSpans), outcome("dropped"))
			put(int64(s.Buffer.LateDropped), outcome("late_dropped"))
			put(int64(s.Buffer.Truncated), outcome("truncated"))
			put(int64(s.SendFailedSpans), outcome("send_failed"))
			put(int64(s.LostSpans), outcome("lost"))
		}},
	{"otelcol_otlp_slo_held_spans", "Accepted spans that are still here.", "{span}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.Held.Spans), attribute.String("state", "buffered"))
			put(int64(s.QueuedSpans), attribute.String("state", "queued"))
		}},
	{"otelcol_processor_tail_sampling_new_trace_id_received", "New traces.", "{trace}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.Buffer.NewTraces)) }},
	{"otelcol_processor_tail_sampling_global_count_traces_sampled", "Decided traces, by decision.", "{trace}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.Buffer.KeptTraces), attribute.String("sampled", "true"), attribute.String("decision", "sampled"))
			put(int64(s.Buffer.DroppedTraces), attribute.String("sampled", "false"), attribute.String("decision", "not_sampled"))
		}},
	{"otelcol_processor_tail_sampling_sampling_traces_on_memory", "Traces whose records are held, decided or not.", "{trace}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.Held.Traces)) }},
	{"otelcol_otlp_slo_early_decisions", "Traces that were decided before their deadline because the memory budget was used up.", "{trace}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.Buffer.EarlyTraces)) }},
	{"otelcol_otlp_slo_rescued_traces", "Dropped traces that a late span turned to keep: whole, or partial when their spans were gone.", "{trace}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.Buffer.RescuedWhole), attribute.String("completeness", "whole"))
			put(int64(s.Buffer.RescuedPartial), attribute.String("completeness", "partial"))
		}},
	{"otelcol_otlp_slo_late_spans", "Spans that came after their trace's decision, by the age of the trace at most (s; +Inf: older, or not known).", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for i, bound := range tracebuf.LateAgeBounds() {
				put(int64(s.Buffer.LateByAge[i]), attribute.String("age_max", (time.Duration(bound)*time.Millisecond).String()))
			}
			put(int64(s.Buffer.LateByAge[len(s.Buffer.LateByAge)-1]), attribute.String("age_max", "+Inf"))
		}},
	{"otelcol_otlp_slo_zero_trace_id_spans", "Spans without a trace id; they were not accepted.", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.ZeroTraceIDSpans)) }},
	{"otelcol_otlp_slo_send_retries", "Batches of kept traces that the next consumer refused and that were tried again.", "{batch}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.SendRetries)) }},
	{"otelcol_otlp_slo_memory", "Memory in use, by what it is used for.", "By", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for _, m := range s.Memory {
				put(m.Bytes, attribute.String("use", m.Use))
			}
		}},
	{"otelcol_otlp_slo_memory_limit", "The memory budget.", "By", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(s.MemoryLimit) }},
	{"otelcol_otlp_slo_memory_reliefs", "How often memory was freed before its time because the budget was used up.", "{relief}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.Reliefs)) }},
	{"otelcol_otlp_slo_oldest_undecided", "Age of the oldest undecided trace.", "ms", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(s.OldestUndecided.Milliseconds()) }},
}
