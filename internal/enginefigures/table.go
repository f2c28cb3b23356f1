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
			put(int64(s.Buffer.DroppedTraces-s.Buffer.DropPolicies), attribute.Bool("sampled", false), attribute.String("decision", "not_sampled"))
			put(int64(s.Buffer.DropPolicies), attribute.Bool("sampled", false), attribute.String("decision", "dropped"))
		},
	},
	{
		"otelcol_processor_tail_sampling_count_traces_sampled", "Decided traces by what a policy said of them, whatever others said. Policies count anew when they are replaced.", "{traces}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for i := range s.Policies {
				p := &s.Policies[i]
				decision, sampled := "sampled", true
				if p.Drops {
					decision, sampled = "dropped", false
				}
				put(int64(p.Traces), attribute.String("policy", p.Policy), attribute.Bool("sampled", sampled), attribute.String("decision", decision))
			}
		},
	},
	{
		"otelcol_processor_tail_sampling_count_spans_sampled", "Spans of decided traces that a policy matched.", "{spans}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for i := range s.Policies {
				put(int64(s.Policies[i].Spans), attribute.String("policy", s.Policies[i].Policy))
			}
		},
	},
	{
		"otelcol_processor_tail_sampling_count_bytes_sampled", "Bytes of the spans of decided traces that a policy matched.", "By", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for i := range s.Policies {
				put(int64(s.Policies[i].Bytes), attribute.String("policy", s.Policies[i].Policy))
			}
		},
	},
	{
		"shadow_traces", "Decided traces by what was done and what the shadow policies would have done, with an error or without.", "{trace}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for _, n := range s.Shadow {
				put(int64(n.Traces-n.ErrorTraces), attribute.Bool("kept", n.Kept), attribute.Bool("would_keep", n.WouldKeep), attribute.Bool("error", false))
				put(int64(n.ErrorTraces), attribute.Bool("kept", n.Kept), attribute.Bool("would_keep", n.WouldKeep), attribute.Bool("error", true))
			}
		},
	},
	{
		"shadow_spans", "Spans of decided traces by what was done and what the shadow policies would have done.", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for _, n := range s.Shadow {
				put(int64(n.Spans), attribute.Bool("kept", n.Kept), attribute.Bool("would_keep", n.WouldKeep))
			}
		},
	},
	{
		"shadow_policy_traces", "Decided traces that a shadow policy matched.", "{trace}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for i := range s.ShadowPolicies {
				put(int64(s.ShadowPolicies[i].Traces), attribute.String("policy", s.ShadowPolicies[i].Policy))
			}
		},
	},
	{
		"degradation", "1 for each rung of the ladder that was used within the last ten seconds.", "1", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for _, r := range s.Degradation {
				active := int64(0)
				if r.Active {
					active = 1
				}
				put(active, attribute.String("rung", r.Name))
			}
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
		"operations", "Operations that policies know, to compare spans by.", "{operation}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.Sampling.Operations.Known))
		},
	},
	{
		"operations_overflow_spans", "Spans of operations that there was no room for: operations_max.", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.Sampling.Operations.Overflow))
		},
	},
	{
		"versions", "Versions of services that policies know.", "{version}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.Sampling.Versions.Known)) },
	},
	{
		"versions_overflow_resources", "Resources of versions that there was no room for: operations_max.", "{resource}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.Sampling.Versions.Overflow))
		},
	},
	{
		"fingerprints", "Fingerprints of traces that policies of type rare remember.", "{fingerprint}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(s.Sampling.Fingerprints) },
	},
	{
		"fingerprints_overflow_traces", "Decided traces whose fingerprint there was no room for: fingerprints_max.", "{trace}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.Sampling.FingerprintOverflow))
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
		"incomplete_traces", "Traces that were kept without some of the spans that had come of them by then.", "{trace}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.IncompleteTraces)) },
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
		"recovered_spans", "Spans of an earlier process that were taken over from sampling.storage at the start.", "{span}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(int64(s.RecoveredSpans)) },
	},
	{
		"storage_size", "Bytes in sampling.storage.", "By", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(s.Storage.Bytes) },
	},
	{
		"storage_failures", "Requests and decisions that could not be stored, files that left before their time, and stored requests that could not be recovered.",
		"{failure}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			put(int64(s.Storage.Failed), attribute.String("reason", "write"))
			put(int64(s.Storage.Evicted), attribute.String("reason", "full"))
			put(int64(s.DamagedRequests), attribute.String("reason", "damaged"))
			put(int64(s.NoContextRequests), attribute.String("reason", "metadata"))
		},
	},
	{
		"oldest_undecided", "Age of the oldest undecided trace.", "ms", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(s.OldestUndecided.Milliseconds()) },
	},
	{
		"decision_lag", "How long the oldest undecided trace is past its decision_wait.", "ms", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) { put(s.DecisionLag.Milliseconds()) },
	},
	{
		"decision_lag_traces", "Decided traces by how long after their deadline at most (s; +Inf: longer); those decided before it are not counted.", "{trace}", false,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for i, bound := range tracebuf.LagBounds() {
				put(int64(s.Buffer.DecidedByLag[i]), attribute.String("lag_max", (time.Duration(bound)*time.Millisecond).String()))
			}
			put(int64(s.Buffer.DecidedByLag[len(s.Buffer.DecidedByLag)-1]), attribute.String("lag_max", "+Inf"))
		},
	},
	{
		"burning", "Services whose error budget burns, by SLO.", "{service}", true,
		func(s *spanpipe.Stats, put func(int64, ...attribute.KeyValue)) {
			for _, b := range s.Burning {
				put(int64(b.Services), attribute.String("slo", b.SLO))
			}
		},
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
