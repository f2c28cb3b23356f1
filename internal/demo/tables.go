package demo

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// row is what a figure is of: one or two words. An element of a PromQL answer belongs to the row of its labels.
type row [2]string

// want are the values that a figure may have, both ends included: one, but for what is read from histograms.
type want struct{ low, high float64 }

func exactly(v float64) want { return want{v, v} }

// has allows for the rounding of a few float operations.
func (w want) has(v float64) bool {
	slack := 1e-9 * max(1, math.Abs(w.low), math.Abs(w.high))
	return v >= w.low-slack && v <= w.high+slack
}

// query asks for one column, or a part of it. An element's row is the value of the label by, behind fixed where that is set.
type query struct {
	promql string
	fixed  string
	by     string
}

// column is figures of one kind. Without a title it is compared and not shown.
type column struct {
	title   string
	queries []query
	want    map[row]want
	format  func(float64) string
}

type table struct {
	title   string
	heads   []string // titles of the row's words
	columns []column
	notes   map[string]string // behind a row, by its first word
}

// The requests of a service: what SDKs call SERVER and CONSUMER spans.
const (
	calls     = `traces_span_metrics_calls_total{span_kind=~"SPAN_KIND_(SERVER|CONSUMER)"}`
	failures  = `traces_span_metrics_calls_total{span_kind=~"SPAN_KIND_(SERVER|CONSUMER)",status_code="STATUS_CODE_ERROR"}`
	durations = `traces_span_metrics_duration_milliseconds_bucket{span_kind=~"SPAN_KIND_(SERVER|CONSUMER)"}`
)

func (c *Counts) tables() []table {
	return []table{c.serviceTable(), c.sloTable(), c.traceTable(), c.coverageTable(), c.gapTable()}
}

func (c *Counts) serviceTable() table {
	of := func(value func(*requests) want) map[row]want {
		out := map[row]want{}
		for name, r := range c.services {
			out[row{name}] = value(r)
		}
		return out
	}
	seconds := c.open.Seconds()
	byService := func(promql string) []query { return []query{{promql: promql, by: "service_name"}} }
	quantile := func(q float64) column {
		return column{
			title: fmt.Sprintf("p%.0f ms", 100*q), format: wholeNumber,
			queries: byService(fmt.Sprintf(`histogram_quantile(%v, sum by (service_name, le) (%s))`, q, durations)),
			want:    of(func(r *requests) want { return bucketOf(r.quantile(q)) }),
		}
	}
	return table{title: "Services", heads: []string{"service"}, columns: []column{
		{
			"requests", byService(`sum by (service_name) (` + calls + `)`),
			of(func(r *requests) want { return exactly(float64(r.all)) }), wholeNumber,
		},
		{
			"per second", byService(fmt.Sprintf(`sum by (service_name) (%s) / %v`, calls, seconds)),
			of(func(r *requests) want { return exactly(float64(r.all) / seconds) }), oneDecimal,
		},
		{
			"errors", byService(`(sum by (service_name) (` + failures + `) or sum by (service_name) (` + calls + `) * 0) / sum by (service_name) (` + calls + `)`),
			of(func(r *requests) want { return exactly(float64(r.failed) / float64(r.all)) }), percent,
		},
		quantile(0.95), quantile(0.99),
	}}
}

// bounds are the default ones of RED histograms, in ms (docs/metrics.md).
var bounds = []float64{0, 2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10000, 15000}

// bucketOf is the bucket of a duration, its upper bound included. histogram_quantile gives a value in the bucket of the true one.
func bucketOf(d time.Duration) want {
	ms := float64(d) / float64(time.Millisecond)
	i, _ := slices.BinarySearch(bounds, ms)
	return want{bounds[i-1], bounds[i]}
}

func (c *Counts) sloTable() table {
	of := func(value func(e events, allowed float64) float64) map[row]want {
		out := map[row]want{}
		for i, o := range objectives {
			out[row{o.name}] = exactly(value(c.slos[i], 1-o.percent/100))
		}
		return out
	}
	const (
		all = `sum by (slo) (slo_events_total)`
		bad = `sum by (slo) (slo_events_total{outcome="bad"})`
	)
	bySLO := func(promql string) []query { return []query{{promql: promql, by: "slo"}} }
	total := func(e events) float64 { return float64(e.good + e.bad) }
	return table{title: "SLOs, since the start", heads: []string{"SLO"}, columns: []column{
		{"objective", bySLO(`max by (slo) (slo_objective_ratio)`), of(func(_ events, allowed float64) float64 { return 1 - allowed }), percent},
		{"events", bySLO(all), of(func(e events, _ float64) float64 { return total(e) }), wholeNumber},
		{"bad", bySLO(bad), of(func(e events, _ float64) float64 { return float64(e.bad) }), wholeNumber},
		{"SLI", bySLO(`1 - ` + bad + ` / ` + all), of(func(e events, _ float64) float64 { return float64(e.good) / total(e) }), percent},
		{
			"budget left", bySLO(`1 - ` + bad + ` / (` + all + ` * (1 - max by (slo) (slo_objective_ratio)))`),
			of(func(e events, allowed float64) float64 { return 1 - float64(e.bad)/(total(e)*allowed) }), percent,
		},
	}}
}

func (c *Counts) traceTable() table {
	const decided = `otelcol_processor_tail_sampling_global_count_traces_sampled_total`
	const rescued = `sum(otelcol_otlp_slo_rescued_traces_total)`
	rows := []struct {
		name, promql string
		want         int
	}{
		{"spans", `sum(otelcol_otlp_slo_accepted_spans_total)`, c.spans},
		{"traces", `sum(otelcol_processor_tail_sampling_new_trace_id_received_total)`, c.traces},
		{"traces kept", `sum(` + decided + `{decision="sampled"}) + ` + rescued, c.kept},
		{"  of them by an error that came after the decision", rescued, c.rescued},
		{"traces without a root at their decision", `sum(observability_coverage_rootless_traces_total)`, c.rootless},
		{"traces dropped", `sum(` + decided + `{decision="not_sampled"}) - ` + rescued, c.traces - c.kept},
	}
	count := column{title: "seen", want: map[row]want{}, format: wholeNumber}
	for _, r := range rows {
		count.queries = append(count.queries, query{promql: r.promql, fixed: r.name})
		count.want[row{r.name}] = exactly(float64(r.want))
	}
	return table{title: "Traces", heads: []string{""}, columns: []column{count}}
}

func (c *Counts) coverageTable() table {
	const services, slos, looked = "services heard from", "services with an SLO", "traces looked at"
	withSLO := map[string]bool{}
	for _, o := range objectives {
		withSLO[o.service] = true
	}
	heard, silent := len(c.services), len(c.unanswered)
	ofKind := func(metric string) []query {
		return []query{
			{promql: metric + `{coverage_kind="services"}`, fixed: services},
			{promql: metric + `{coverage_kind="slos"}`, fixed: slos},
		}
	}
	const traces = `observability_coverage_traces_total`
	return table{title: "Coverage", heads: []string{""}, columns: []column{
		{
			"covered", append(ofKind(`observability_coverage_covered`), query{promql: traces + `{coverage_state="looked_at"}`, fixed: looked}),
			map[row]want{{services}: exactly(float64(heard)), {slos}: exactly(float64(len(withSLO))), {looked}: exactly(float64(c.traces))},
			wholeNumber,
		},
		{
			"of", append(ofKind(`observability_coverage_known`), query{promql: `sum(` + traces + `)`, fixed: looked}),
			map[row]want{{services}: exactly(float64(heard + silent)), {slos}: exactly(float64(heard)), {looked}: exactly(float64(c.traces))},
			wholeNumber,
		},
	}}
}

// gapTable has the gaps that are open, and what they were seen by: unanswered calls, spans and traces that miss something, requests.
func (c *Counts) gapTable() table {
	const silent, orphans, noSLO = "silent_peer", "orphan_spans", "no_slo"
	seen, of, open := map[row]want{}, map[row]want{}, map[row]want{}
	for peer, n := range c.unanswered {
		seen[row{silent, peer}] = exactly(float64(n))
	}
	for name, n := range c.orphans {
		if n*100 > c.shown[name] { // more than 1 %
			seen[row{orphans, name}], of[row{orphans, name}] = exactly(float64(n)), exactly(float64(c.shown[name]))
		}
	}
	for name, r := range c.services {
		if !slices.ContainsFunc(objectives, func(o objective) bool { return o.service == name }) {
			seen[row{noSLO, name}] = exactly(float64(r.all))
		}
	}
	for r := range seen {
		open[r] = exactly(1)
	}
	// isOpen leaves of an answer what belongs to a gap that is open.
	isOpen := func(promql, label, kind string) string {
		return fmt.Sprintf(`sum by (%[2]s) (%[1]s) and on (%[2]s) label_replace(observability_gap_open{gap_kind=%[3]q}, %[2]q, "$1", "gap_subject", "(.*)")`, promql, label, kind)
	}
	notes := map[string]string{
		silent:  "calls of it, and no span of it ever came",
		orphans: "spans whose parent never came",
		noSLO:   "requests that no SLO counts",
	}
	return table{title: "Where it is blind", heads: []string{"gap", "service"}, notes: notes, columns: []column{
		{
			"seen", []query{
				{isOpen(`observability_coverage_unanswered_calls_total`, "peer_name", silent), silent, "peer_name"},
				{isOpen(`observability_coverage_orphan_spans_total`, "service_name", orphans), orphans, "service_name"},
				{isOpen(calls, "service_name", noSLO), noSLO, "service_name"},
			}, seen, wholeNumber,
		},
		{"of", []query{{isOpen(`observability_coverage_spans_total`, "service_name", orphans), orphans, "service_name"}}, of, wholeNumber},
		{"", []query{
			{`observability_gap_open{gap_kind="` + silent + `"}`, silent, "gap_subject"},
			{`observability_gap_open{gap_kind="` + orphans + `"}`, orphans, "gap_subject"},
			{`observability_gap_open{gap_kind="` + noSLO + `"}`, noSLO, "gap_subject"},
			{`observability_gap_open{gap_kind="rootless_traces"}`, "rootless_traces", "gap_subject"},
		}, open, wholeNumber},
	}}
}

func wholeNumber(v float64) string { return fmt.Sprintf("%.0f", v) }
func oneDecimal(v float64) string  { return fmt.Sprintf("%.1f", v) }
func percent(v float64) string     { return fmt.Sprintf("%.2f %%", 100*v) }
