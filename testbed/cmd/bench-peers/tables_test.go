package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/report"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

func measured(key string, v variant, m measurement) measurement {
	m.scenario, m.variant = scenarioOf(key), v
	return m
}

var (
	ours    = variant{arm: "ours", rescue: time.Minute}
	contrib = variant{arm: "contrib", shards: 2, gogc: 100}
)

// row compares what was measured in one scenario.
func row(t *testing.T, key string, all ...measurement) ([]string, error) {
	t.Helper()
	var table report.Table
	err := scenarioOf(key).compare(summaries(all), &table)
	if len(table.Rows) == 0 {
		return nil, err
	}
	require.Len(t, table.Rows, 1)
	return table.Rows[0], err
}

func TestContribIsComparedAtItsBest(t *testing.T) {
	other := contrib
	other.gogc = 400
	all := []measurement{
		measured("whole", ours, measurement{spansPerCPU: 1200}),
		measured("whole", contrib, measurement{spansPerCPU: 90}),
		measured("whole", other, measurement{spansPerCPU: 100}),
		measured("scattered", contrib, measurement{spansPerCPU: 1e6}),
	}
	cells, err := row(t, "whole", all...)
	require.NoError(t, err)
	require.Equal(t, []string{"12.0x", "12x", "25x", "met"}, cells[3:])
	all[0].spansPerCPU = 1199
	_, err = row(t, "whole", all...)
	require.ErrorContains(t, err, "must be 12")
}

func TestMemoryIsComparedWithTheRunsOfContribThatAScenarioNames(t *testing.T) {
	packed := variant{arm: "ours", compression: "s2"}
	all := []measurement{
		measured("memory", contrib, measurement{bytesPerSpan: 6000}),
		measured("memory-s2-norescue", packed, measurement{bytesPerSpan: 300}),
	}
	cells, err := row(t, "memory-s2-norescue", all...)
	require.NoError(t, err)
	require.Equal(t, []string{"6,000 B/span", "300 B/span", "20.0x", "20x", "25x", "met"}, cells[1:])
	all[1].bytesPerSpan = 301
	_, err = row(t, "memory-s2-norescue", all...)
	require.Error(t, err)
	cells, err = row(t, "memory-s2-norescue", all[1])
	require.NoError(t, err)
	require.Nil(t, cells, "nothing to compare with")
}

func TestALagIsOursAlone(t *testing.T) {
	cells, err := row(t, "lag", measured("lag", ours, measurement{lag: 250}))
	require.NoError(t, err)
	require.Equal(t, []string{"", "at most 250 ms", "", "250 ms", "", "met"}, cells[1:])
	for _, missed := range []float64{500, math.Inf(1), math.NaN()} {
		_, err = row(t, "lag", measured("lag", ours, measurement{lag: missed}))
		require.Error(t, err, missed)
	}
}

// What design.md and the issue ask for.
func TestTheMusts(t *testing.T) {
	want := map[string]float64{
		"whole": 12, "scattered": 12, "small": 6, "gzip": 8, "equal-whole": 9, "equal-scattered": 9, "memory": 8, "memory-norescue": 8,
		"memory-s2": 20, "memory-s2-norescue": 20, "lag": 250, "door": 1.7, "door-memory": 6, "door-memory-rescue": 6,
	}
	got := map[string]float64{}
	for i := range scenarios {
		s := &scenarios[i]
		got[s.key] = s.must
		require.NotNil(t, s.peer())
		require.Equal(t, s.door, s.peer().door)
		require.Equal(t, s.kind, s.peer().kind)
		require.InDelta(t, s.rate, s.peer().rate, 0)
	}
	require.Equal(t, want, got)
}

func TestVariantsOfAScenario(t *testing.T) {
	b := bench{settings: settings{arms: "ours,contrib", rescueWindow: 30 * time.Second, quick: true}}
	vs := b.variants(scenarioOf("memory-s2-norescue"))
	require.Len(t, vs, 2)
	require.Equal(t, variant{arm: "ours", compression: "s2"}, vs[0])
	require.Equal(t, "ours s2 rescue off", vs[0].String())
	require.Equal(t, variant{arm: "ours", rescue: 30 * time.Second}, b.variants(scenarioOf("memory"))[0])
	b.compresses = true
	require.Equal(t, variant{arm: "ours", rescue: 30 * time.Second, compression: "none"}, b.variants(scenarioOf("memory"))[0])
	require.True(t, b.variants(scenarioOf("door"))[1].door)
	require.Len(t, b.variants(scenarioOf("lag")), 1)
}

func TestTheLimitExplainsSoManyTracesAndNoMore(t *testing.T) {
	of := func(kept int) truth.Sampling { return truth.Sampling{Ordinary: 10_000, OrdinaryKept: kept} }
	// a standard deviation is 9.95 traces
	require.True(t, byChance(of(100), 0))
	require.True(t, byChance(of(144), 0))
	require.False(t, byChance(of(145), 0))
	require.True(t, byChance(of(145), 1))
	require.False(t, byChance(of(246), 100))
	require.True(t, byChance(of(56), 1000))
	require.False(t, byChance(of(55), 1000))
}
