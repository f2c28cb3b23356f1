package enginefigures

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// figure is one own metric: where its values are in the engine's figures.
type figure struct {
	// name is without the door's prefix, but for metrics that contrib has.
	name, description, unit string
	gauge                   bool
	observe                 func(s *spanpipe.Stats, put func(value int64, attributes ...attribute.KeyValue))
}

func outcome(v string) attribute.KeyValue { return attribute.String("outcome", v) }

// ofEngine are the own metrics of every engine. Those that contrib's tail_sampling has too have its names, units and
// attributes, and mean the same.
var ofEngine = []figure{
	{
		"accepted_spans", "Spans that were accepted, counted and buffered.", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.AcceptedSpans)) },
	},
	{
		"spans", "What became of accepted spans. With the spans held, the outcomes add up to the accepted ones.", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.DeliveredSpans), outcome("delivered"))
			put(int64(s.DeliveredLateSpans), outcome("late_delivered"))
			put(int64(s.Buffer.DroppedSpans), outcome("dropped"))
			put(int64(s.Buffer.LateDropped), outcome("late_dropped"))
			put(int64(s.Buffer.Truncated), outcome("truncated"))
			put(int64(s.SendFailedSpans), outcome("send_failed"))
			put(int64(s.LostSpans), outcome("lost"))
		},
	},
	{
		"held_spans", "Accepted spans that are still here.", "{span}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.Held.Spans), attribute.String("state", "buffered"))
			put(int64(s.QueuedSpans), attribute.String("state", "queued"))
		},
	},
	{
		"otelcol_processor_tail_sampling_new_trace_id_received", "New traces.", "{traces}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.Buffer.NewTraces)) },
	},
	{
		"otelcol_processor_tail_sampling_global_count_traces_sampled", "Decided traces, by decision.", "{traces}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.Buffer.KeptTraces), attribute.Bool("sampled", true), attribute.String("decision", "sampled"))
			put(int64(s.Buffer.DroppedTraces), attribute.Bool("sampled", false), attribute.String("decision", "not_sampled"))
		},
	},
	{
		"otelcol_processor_tail_sampling_sampling_traces_on_memory", "Traces whose records are held, decided or not.", "{traces}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.Held.Traces)) },
	},
	{
		"otelcol_processor_tail_sampling_sampling_policy_evaluation_error", "Spans on which a policy's conditions failed, by policy.", "{errors}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for _, e := range s.EvaluationErrors {
				put(int64(e.Spans), attribute.String("policy", e.Policy))
			}
		},
	},
	{
		"adaptive_keys", "Keys that an adaptive_throughput policy tells apart, by policy.", "{key}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for i := range s.Adaptive {
				put(int64(s.Adaptive[i].Keys), attribute.String("policy", s.Adaptive[i].Policy))
			}
		},
	},
	{
		"adaptive_level", "Spans or bytes a second up to which a key's traces pass whole, by adaptive_throughput policy; 0: all pass.", "1/s", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for i := range s.Adaptive {
				put(int64(math.Ceil(s.Adaptive[i].Level)), attribute.String("policy", s.Adaptive[i].Policy))
			}
		},
	},
	{
		"early_decisions", "Traces that were decided before their deadline because the memory budget was used up.", "{trace}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.Buffer.EarlyTraces)) },
	},
	{
		"rescued_traces", "Dropped traces that a late span turned to keep: whole, or partial when their spans were gone.", "{trace}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.Buffer.RescuedWhole), attribute.String("completeness", "whole"))
			put(int64(s.Buffer.RescuedPartial), attribute.String("completeness", "partial"))
		},
	},
	{
		"late_spans", "Spans that came after their trace's decision, by the age of the trace at most (s; +Inf: older, or not known).", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for i, bound := range tracebuf.LateAgeBounds() {
				put(int64(s.Buffer.LateByAge[i]), attribute.String("age_max", (time.Duration(bound)*time.Millisecond).String()))
			}
			put(int64(s.Buffer.LateByAge[len(s.Buffer.LateByAge)-1]), attribute.String("age_max", "+Inf"))
		},
	},
	{
		"zero_trace_id_spans", "Spans without a trace id; they were not accepted.", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.ZeroTraceIDSpans)) },
	},
	{
		"send_retries", "Batches of kept traces that the next consumer refused and that were tried again.", "{batch}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.SendRetries)) },
	},
	{
		"memory", "Memory in use, by what it is used for.", "By", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for _, m := range s.Memory {
				put(m.Bytes, attribute.String("use", m.Use))
			}
		},
	},
	{
		"memory_limit", "The memory budget.", "By", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(s.MemoryLimit) },
	},
	{
		"memory_reliefs", "How often memory was freed before its time because the budget was used up.", "{relief}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.Reliefs)) },
	},
	{
		"oldest_undecided", "Age of the oldest undecided trace.", "ms", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(s.OldestUndecided.Milliseconds()) },
	},
	{
		"decision_lag", "How long the oldest undecided trace is past its decision_wait.", "ms", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(s.DecisionLag.Milliseconds()) },
	},
}

// ofRED are those of an engine that makes RED metrics.
var ofRED = []figure{
	{
		"red_series", "Series of RED metrics, overflow series apart.", "{series}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.RED.Series)) },
	},
	{
		"red_series_limit", "How many series of RED metrics there can be.", "{series}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.RED.SeriesLimit)) },
	},
	{
		"red_overflow_series", "Services whose series were more than their share, counted in overflow series.", "{series}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.RED.OverflowSeries)) },
	},
	{
		"red_overflow_spans", "Spans that overflow series counted.", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.RED.OverflowSpans)) },
	},
	{
		"red_expired_series", "Series of RED metrics that expired.", "{series}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.RED.ExpiredSeries)) },
	},
	{
		"red_exemplars", "Exemplars that were sent.", "{exemplar}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.RED.Exemplars)) },
	},
}
