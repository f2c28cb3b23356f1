package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/metricload"
	"github.com/otelcol-slo/otelcol-slo/testbed/report"
)

// load is one part of the comparison: the same for all arms.
type load struct {
	key   string
	title string
	spec  metricload.Spec
	// warmUp rounds come before those that are measured.
	warmUp, rounds int
	every          time.Duration
	// memory is what this load is about, not CPU.
	memory bool
}

// samples is the number of samples of all rounds, the warm-up's included.
func (l *load) samples() uint64 { return uint64(l.spec.Series()) * uint64(l.warmUp+l.rounds) }

// rate is samples per second.
func (l *load) rate() float64 { return float64(l.spec.Series()) / l.every.Seconds() }

// String says what is sent.
func (l *load) String() string {
	return fmt.Sprintf("%s: %s series, %s samples/s for %v after %v of warm-up", l.title, report.Count(float64(l.spec.Series())),
		report.Count(l.rate()), time.Duration(l.rounds)*l.every, time.Duration(l.warmUp)*l.every)
}

// Contrib's exporter with a WAL sends 300 requests at once and what is less than that after a minute or more. So that its
// last samples don't come a minute late, warm-ups and measurements are whole multiples of 300 requests.

// standard are the loads of a full run.
func standard() []load {
	return []load{
		{key: "agents", title: "Gauges and counters of 8 labels, from 100 processes, evenly spread", spec: metricload.Spec{Shape: metricload.Agents, Resources: 100, Seed: 1}, warmUp: 3, rounds: 9, every: 2 * time.Second},
		{key: "flush", title: "Calls and durations with 11 bounds, all at once", spec: metricload.Spec{Shape: metricload.Flush, Resources: 100, Seed: 1}, warmUp: 3, rounds: 9, every: 2 * time.Second},
		{key: "memory", title: "Gauges and counters of 8 labels, from 1,000 processes, evenly spread", spec: metricload.Spec{Shape: metricload.Agents, Resources: 1000, Seed: 1}, warmUp: 0, rounds: 3, every: 20 * time.Second, memory: true},
	}
}

// quick are shorter loads, at higher rates.
func quick() []load {
	loads := standard()
	for i := range loads {
		l := &loads[i]
		if l.memory {
			l.every = 15 * time.Second
			continue
		}
		l.spec.Resources, l.every = 25, 250*time.Millisecond
		l.warmUp, l.rounds = 0, 12
	}
	return loads
}

// chosenLoads returns the loads of a comma-separated list, at another rate than theirs where one is given.
func chosenLoads(list string, short bool, rate float64) ([]load, error) {
	all, names := standard(), split(list)
	if short {
		all = quick()
		if len(names) == 0 {
			names = []string{"agents", "flush"}
		}
	}
	var of []load
	for i := range all {
		if len(names) == 0 || slices.Contains(names, all[i].key) {
			of = append(of, all[i])
		}
	}
	if len(of) < len(names) {
		return nil, fmt.Errorf("-loads must name loads of agents, flush, memory (got %q)", list)
	}
	if rate > 0 {
		for i := range of {
			of[i].every = time.Duration(float64(of[i].spec.Series()) / rate * float64(time.Second))
		}
	}
	return of, nil
}
