package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/metricload"
)

// one are the runs of two arms and their nop arms with one load: decoding takes 1 µs a sample, ours 1 µs more, the peer 3 µs
// more; the second round of runs was on a machine half as fast.
func one() results {
	var rs results
	for run := range 2 {
		slow := time.Duration(run + 1)
		add := func(arm string, micros time.Duration, bytes uint64, peak float64) {
			rs = append(rs, measurement{
				load: "agents", arm: arm, run: run, samples: 1_000_000, sent: 1_000_000, series: 10, set: 7,
				cpu: micros * slow * time.Second, bytes: bytes, requests: 1000, peakRSS: peak,
			})
		}
		add("ours-nop", 1, 0, 1e8)
		add("contrib-nop", 1, 0, 1e8)
		add("ours-rw2", 2, 10_000_000, 1e8)
		add("contrib-rw1", 4, 30_000_000, 3e8)
	}
	return rs
}

func oneLoad() load {
	return load{key: "agents", title: "Load", spec: metricload.Spec{Resources: 1}, warmUp: 1, rounds: 2, every: time.Second}
}

func TestRatiosAreThoseOfEachRoundOfRuns(t *testing.T) {
	got := one().compared([]load{oneLoad()})
	require.Len(t, got.Rows, 1)
	assert.Equal(t, []string{
		"agents", "ours, 2.0", "contrib, 1.0", "2.00x (2.00 to 2.00)", "3.00x (3.00 to 3.00)", "3.00x (3.00 to 3.00)", "3.00x (3.00 to 3.00)",
	}, got.Rows[0])
}

func TestCostIsOfTheWholeProcessAndBeyondDecoding(t *testing.T) {
	l := oneLoad()
	got := one().cost(&l, 2)
	assert.Equal(t, "Load: 1,000 series, 1,000 samples/s for 2s after 1s of warm-up; medians of 2 runs", got.Title)
	require.Len(t, got.Rows, 4)
	assert.Equal(t, []string{"ours, nop exporter", "750,000", "500,000 to 1,000,000", "–", "0 %", "–", "1,000", ""}, got.Rows[0])
	assert.Equal(t, []string{"ours, 2.0", "375,000", "250,000 to 500,000", "750,000", "0 %", "10.0", "1,000", ""}, got.Rows[2])
}

func TestAnArmThatLostSamplesHasNoFigure(t *testing.T) {
	rs := one()
	for i := range rs {
		if rs[i].arm == "ours-rw2" && rs[i].run == 1 {
			rs[i].missing, rs[i].delay = 1234, 90*time.Second
		}
	}
	l := oneLoad()
	row := rs.cost(&l, 2).Rows[2]
	assert.Equal(t, []string{"ours, 2.0", "–", "–", "–", "–", "–", "–", "MISSING 1,234 of 1,000,000 samples 1m30s after the last was acknowledged"}, row)
	assert.Equal(t, "ours, 2.0", rs.memory(&l, 2).Rows[2][0])
	assert.Equal(t, "–", rs.memory(&l, 2).Rows[2][1])
	assert.Empty(t, rs.compared([]load{l}).Rows)
	require.ErrorContains(t, rs.failures(), "ours-rw2, agents: MISSING 1,234")
	assert.NoError(t, one().failures())
}

func TestAnArmThatDoesNotStartSaysWhy(t *testing.T) {
	rs := append(one(), measurement{load: "agents", arm: "ours-wal-rw2", failed: "does not start: no such key"})
	l := oneLoad()
	rows := rs.cost(&l, 2).Rows
	assert.Equal(t, "does not start: no such key", rows[len(rows)-1][7])
	assert.NoError(t, rs.failures(), "what does not start has lost nothing")
}

func TestNoiseThatEatsTheDifferenceLeavesNoFigure(t *testing.T) {
	rs := one()
	for i := range rs {
		if rs[i].arm == "ours-nop" {
			rs[i].cpu *= 3
		}
	}
	l := oneLoad()
	assert.Equal(t, "–", rs.cost(&l, 2).Rows[2][3])
	assert.Equal(t, "–", rs.compared([]load{l}).Rows[0][4])
	assert.Equal(t, "2.00x (2.00 to 2.00)", rs.compared([]load{l}).Rows[0][3])
}

func TestDoubtsNameWhatIsOdd(t *testing.T) {
	odd := measurement{late: 2 * time.Second, delay: time.Minute, repeated: 3, refused: 4, series: 1, set: 8}
	assert.Equal(t, "fell behind by 2.0s, last sample 60s late, 3 samples came twice, 4 refusals, its series have other labels",
		doubts([]*measurement{{}, &odd}, 7))
	assert.Empty(t, doubts([]*measurement{{series: 1, set: 7}}, 7))
	assert.EqualValues(t, 7, one().usualSet("agents"))
}

func TestMemoryIsInMegabytes(t *testing.T) {
	l := oneLoad()
	rows := one().memory(&l, 1).Rows
	assert.Equal(t, []string{"contrib, 1.0", "300", "0", "187,500", "30.0", ""}, rows[3])
}

func TestArmsAndLoadsAreChosenByName(t *testing.T) {
	of, unknown := chosen("contrib-rw1, ours-rw2,nonsense")
	assert.Equal(t, []string{"nonsense"}, unknown)
	require.Len(t, of, 2)
	assert.Equal(t, "ours-rw2", of[0].key)
	all, _ := chosen("")
	assert.Len(t, all, len(arms))
	for _, p := range pairs {
		assert.NotNil(t, armOf(p.ours))
		assert.NotNil(t, armOf(p.peer))
	}

	_, err := chosenLoads("agents,nonsense", false, 0)
	require.ErrorContains(t, err, "agents, flush, memory")
	loads, err := chosenLoads("memory", false, 0)
	require.NoError(t, err)
	assert.Equal(t, 1_000_000, loads[0].spec.Series())
	loads, err = chosenLoads("agents", false, 25_000)
	require.NoError(t, err)
	assert.Equal(t, 4*time.Second, loads[0].every)
}

func TestLoadsAreWholeMultiplesOfContribsBuffer(t *testing.T) {
	for _, l := range append(standard(), quick()...) {
		assert.Zero(t, l.warmUp*l.spec.Resources%300, l.key)
		assert.Zero(t, l.rounds*l.spec.Resources%300, l.key)
	}
}
