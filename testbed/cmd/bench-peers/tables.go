package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/otelcol-slo/otelcol-slo/testbed/report"
)

// median of one variant in one scenario.
type summary struct {
	scenario *scenario
	variant  variant
	runs     int
	measurement
}

// summaries puts the runs of each scenario and variant together, in the order in which they ran first.
func summaries(all []measurement) []summary {
	type key struct {
		scenario string
		variant  variant
	}
	groups := map[key][]measurement{}
	var order []key
	for _, m := range all {
		k := key{m.scenario.key, m.variant}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], m)
	}
	var out []summary
	for _, k := range order {
		ms := groups[k]
		of := func(field func(*measurement) float64) float64 {
			values := make([]float64, len(ms))
			for i := range ms {
				values[i] = field(&ms[i])
			}
			return median(values)
		}
		s := summary{scenario: ms[0].scenario, variant: k.variant, runs: len(ms), measurement: measurement{
			rate:         of(func(m *measurement) float64 { return m.rate }),
			cpu:          of(func(m *measurement) float64 { return m.cpu }),
			system:       of(func(m *measurement) float64 { return m.system }),
			spansPerCPU:  of(func(m *measurement) float64 { return m.spansPerCPU }),
			rss:          of(func(m *measurement) float64 { return m.rss }),
			bytesPerSpan: of(func(m *measurement) float64 { return m.bytesPerSpan }),
			keptShare:    of(func(m *measurement) float64 { return m.keptShare }),
			idleCores:    of(func(m *measurement) float64 { return m.idleCores }),
		}}
		for _, m := range ms {
			if m.note != "" {
				s.note = m.note
			}
		}
		out = append(out, s)
	}
	return out
}

// tables returns the comparison and all medians. The error lists the figures that fall short.
func (b *bench) tables(all []measurement) ([]report.Table, error) {
	if len(all) == 0 {
		return nil, nil
	}
	sums := summaries(all)
	compared := report.Table{
		Title:  "Against contrib at its best",
		Header: []string{"reference load", "contrib", "ours", "ratio", "must", "goal", ""},
	}
	var errs []error
	for i := range scenarios {
		s := &scenarios[i]
		ours, contrib := best(sums, s, "ours"), best(sums, s, "contrib")
		if ours == nil || contrib == nil {
			continue
		}
		ratio := s.value(ours) / s.value(contrib)
		if s.memory {
			ratio = 1 / ratio
		}
		verdict := "met"
		if ratio < s.must {
			verdict = "MISSED"
			errs = append(errs, fmt.Errorf("%s: %.1f times better than contrib, must be %g", s.title, ratio, s.must))
		}
		compared.Add(s.title, s.unit(contrib), s.unit(ours), fmt.Sprintf("%.1fx", ratio), fmt.Sprintf("%gx", s.must), fmt.Sprintf("%gx", s.goal), verdict)
	}
	tables := []report.Table{compared, b.details(sums)}
	if len(compared.Rows) == 0 {
		tables = tables[1:]
	}
	return tables, errors.Join(errs...)
}

// value is what a scenario compares.
func (s *scenario) value(m *summary) float64 {
	if s.memory {
		return m.bytesPerSpan
	}
	return m.spansPerCPU
}

func (s *scenario) unit(m *summary) string {
	if s.memory {
		return report.Count(m.bytesPerSpan) + " B/span"
	}
	return report.Count(m.spansPerCPU) + " spans/CPU-s"
}

// best returns an arm's best variant in a scenario, nil where it has none.
func best(sums []summary, s *scenario, arm string) *summary {
	var of []summary
	for _, m := range sums {
		if m.scenario == s && m.variant.arm == arm {
			of = append(of, m)
		}
	}
	if len(of) == 0 {
		return nil
	}
	slices.SortFunc(of, func(a, b summary) int {
		if (s.value(&a) < s.value(&b)) == s.memory {
			return -1
		}
		return 1
	})
	return &of[0]
}

func (b *bench) details(sums []summary) report.Table {
	t := report.Table{
		Title: fmt.Sprintf("Medians of %d runs of %v, after a warm-up of once or twice the time that spans are held (decision_wait %v, in our arm and rescue_window %v)",
			b.runs, b.duration, b.decisionWait, b.rescueWindow),
		Header: []string{"reference load", "arm", "spans/s", "cores", "of them system", "spans/CPU-s", "RSS MB", "B/span", "kept", "idle cores", "doubts"},
	}
	for i := range sums {
		m := &sums[i]
		note := ""
		if m.note != "" {
			note = m.note[2:]
		}
		t.Add(m.scenario.title, m.variant.String(), report.Count(m.rate), fmt.Sprintf("%.2f", m.cpu), fmt.Sprintf("%.2f", m.system), report.Count(m.spansPerCPU),
			report.Count(m.rss/1e6), report.Count(m.bytesPerSpan), fmt.Sprintf("%.2f %%", 100*m.keptShare), fmt.Sprintf("%.2f", m.idleCores), note)
	}
	return t
}
