package main

import (
	"fmt"
	"slices"

	"github.com/otelcol-slo/otelcol-slo/testbed/report"
)

const none = "–"

// tables returns the comparison, and for each load the medians of all arms.
func (rs results) tables(loads []load, runs int) []report.Table {
	var out []report.Table
	if t := rs.compared(loads); len(t.Rows) > 0 {
		out = append(out, t)
	}
	for i := range loads {
		t := rs.cost(&loads[i], runs)
		if loads[i].memory {
			t = rs.memory(&loads[i], runs)
		}
		if len(t.Rows) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// compared says how many times better ours is than its peers.
func (rs results) compared(loads []load) report.Table {
	t := report.Table{
		Title:  "How many times better: medians of the ratios of each round of runs",
		Header: []string{"load", "ours", "peer", "samples/CPU-s", "beyond decoding", "bytes/sample", "peak memory"},
	}
	for i := range loads {
		for _, p := range pairs {
			a, b := armOf(p.ours), armOf(p.peer)
			if !rs.whole(loads[i].key, a) || !rs.whole(loads[i].key, b) {
				continue
			}
			x, y := rs.figures(loads[i].key, a), rs.figures(loads[i].key, b)
			t.Add(loads[i].key, a.title, b.title, times(x.perCPU, y.perCPU), times(x.beyond, y.beyond), times(y.bytes, x.bytes), times(y.peak, x.peak))
		}
	}
	return t
}

// whole tells whether an arm ran with a load and lost nothing.
func (rs results) whole(load string, a *arm) bool {
	ms := rs.of(load, a.key)
	return len(ms) > 0 && lost(ms) == ""
}

// times is the median of the ratios of values of the same run, with the least and the greatest where there are several.
func times(a, b []float64) string {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		if a[i] > 0 && b[i] > 0 {
			ratios = append(ratios, a[i]/b[i])
		}
	}
	switch len(ratios) {
	case 0:
		return none
	case 1:
		return fmt.Sprintf("%.2fx", ratios[0])
	default:
		return fmt.Sprintf("%.2fx (%.2f to %.2f)", median(ratios), slices.Min(ratios), slices.Max(ratios))
	}
}

func (rs results) cost(l *load, runs int) report.Table {
	t := report.Table{
		Title:  title(l, runs),
		Header: []string{"arm", "samples/CPU-s", "least to greatest", "beyond decoding", "of it system", "bytes/sample", "samples/request", "doubts"},
	}
	for i := range arms {
		a := &arms[i]
		ms := rs.of(l.key, a.key)
		if len(ms) == 0 {
			continue
		}
		if why := lost(ms); why != "" {
			t.Add(a.title, none, none, none, none, none, none, why)
			continue
		}
		f := rs.figures(l.key, a)
		t.Add(a.title, count(median(f.perCPU)), spread(f.perCPU),
			count(median(f.beyond)), fmt.Sprintf("%.0f %%", 100*median(systemShares(ms))), decimal(median(f.bytes)),
			count(median(perRequest(ms))), doubts(ms, rs.usualSet(l.key)))
	}
	return t
}

func (rs results) memory(l *load, runs int) report.Table {
	t := report.Table{
		Title:  title(l, runs),
		Header: []string{"arm", "peak MB", "while sending MB", "samples/CPU-s", "bytes/sample", "doubts"},
	}
	for i := range arms {
		a := &arms[i]
		ms := rs.of(l.key, a.key)
		if len(ms) == 0 {
			continue
		}
		if why := lost(ms); why != "" {
			t.Add(a.title, none, none, none, none, why)
			continue
		}
		f := rs.figures(l.key, a)
		t.Add(a.title, report.Count(median(f.peak)/1e6), report.Count(median(f.rss)/1e6), count(median(f.perCPU)), decimal(median(f.bytes)),
			doubts(ms, rs.usualSet(l.key)))
	}
	return t
}

// spread is from the least to the greatest, nothing for a single value.
func spread(values []float64) string {
	if len(values) < 2 {
		return none
	}
	return report.Count(slices.Min(values)) + " to " + report.Count(slices.Max(values))
}

func title(l *load, runs int) string {
	if runs == 1 {
		return l.String() + "; single runs"
	}
	return fmt.Sprintf("%v; medians of %d runs", l, runs)
}

func systemShares(ms []*measurement) []float64 {
	var out []float64
	for _, m := range ms {
		out = append(out, ratio(m.system.Seconds(), m.cpu.Seconds()))
	}
	return out
}

func perRequest(ms []*measurement) []float64 {
	var out []float64
	for _, m := range ms {
		out = append(out, ratio(float64(m.samples), float64(m.requests)))
	}
	return out
}

// count writes a number, and nothing for none.
func count(n float64) string {
	if n <= 0 {
		return none
	}
	return report.Count(n)
}

func decimal(n float64) string {
	if n <= 0 {
		return none
	}
	return fmt.Sprintf("%.1f", n)
}

func armOf(key string) *arm {
	return &arms[slices.IndexFunc(arms, func(a arm) bool { return a.key == key })]
}
