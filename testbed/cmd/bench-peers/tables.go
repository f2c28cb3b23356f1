package main

import (
	"errors"
	"fmt"
	"math"

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
			lag:          of(func(m *measurement) float64 { return m.lag }),
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
		errs = append(errs, scenarios[i].compare(sums, &compared))
	}
	tables := []report.Table{compared, b.details(sums)}
	if len(compared.Rows) == 0 {
		tables = tables[1:]
	}
	return tables, errors.Join(errs...)
}

// compare adds a scenario's row, where it was measured, and returns an error where our arm falls short.
func (s *scenario) compare(sums []summary, t *report.Table) error {
	ours, contrib := best(sums, s, "ours"), best(sums, s.peer(), "contrib")
	if ours == nil || contrib == nil && s.kind != lag {
		return nil
	}
	if s.kind == lag {
		verdict, err := "met", error(nil)
		if math.IsNaN(ours.lag) || ours.lag > s.must {
			verdict, err = "MISSED", fmt.Errorf("%s: %g ms, must be at most %g", s.title, ours.lag, s.must)
		}
		t.Add(s.title, "", "at most "+s.unit(ours), "", fmt.Sprintf("%g ms", s.must), "", verdict)
		return err
	}
	ratio := s.value(ours) / s.value(contrib)
	if s.kind == memory {
		ratio = 1 / ratio
	}
	verdict, err := "met", error(nil)
	if ratio < s.must {
		verdict, err = "MISSED", fmt.Errorf("%s: %.1f times better than contrib, must be %g", s.title, ratio, s.must)
	}
	goal := ""
	if s.goal > 0 {
		goal = fmt.Sprintf("%gx", s.goal)
	}
	t.Add(s.title, s.unit(contrib), s.unit(ours), fmt.Sprintf("%.1fx", ratio), fmt.Sprintf("%gx", s.must), goal, verdict)
	return err
}

// value is what a scenario compares.
func (s *scenario) value(m *summary) float64 {
	switch s.kind {
	case memory:
		return m.bytesPerSpan
	case lag:
		return m.lag
	}
	return m.spansPerCPU
}

func (s *scenario) unit(m *summary) string {
	switch s.kind {
	case memory:
		return report.Count(m.bytesPerSpan) + " B/span"
	case lag:
		return fmt.Sprintf("%g ms", m.lag)
	}
	return report.Count(m.spansPerCPU) + " spans/CPU-s"
}

// best returns an arm's best variant in a scenario, nil where it has none.
func best(sums []summary, s *scenario, arm string) (found *summary) {
	for i := range sums {
		m := &sums[i]
		if m.scenario != s || m.variant.arm != arm {
			continue
		}
		if found == nil || (s.value(m) > s.value(found)) == (s.kind == cpu) {
			found = m
		}
	}
	return found
}

func (b *bench) details(sums []summary) report.Table {
	t := report.Table{
		Title: fmt.Sprintf("Medians of %d runs of %v, after a warm-up of once or twice the time that spans are held (decision_wait %v, in our arm and rescue_window %v)",
			b.runs, b.duration, b.decisionWait, b.rescueWindow),
		Header: []string{"reference load", "arm", "spans/s", "cores", "of them system", "spans/CPU-s", "RSS MB", "B/span", "kept", "idle cores", "p99 lag ms", "doubts"},
	}
	for i := range sums {
		m := &sums[i]
		note, late := "", ""
		if !math.IsNaN(m.lag) {
			late = fmt.Sprintf("%g", m.lag)
		}
		if m.note != "" {
			note = m.note[2:]
		}
		t.Add(m.scenario.title, m.variant.String(), report.Count(m.rate), fmt.Sprintf("%.2f", m.cpu), fmt.Sprintf("%.2f", m.system), report.Count(m.spansPerCPU),
			report.Count(m.rss/1e6), report.Count(m.bytesPerSpan), fmt.Sprintf("%.2f %%", 100*m.keptShare), fmt.Sprintf("%.2f", m.idleCores), late, note)
	}
	return t
}
