package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/report"
)

// perCPU is samples per CPU-second of the whole process.
func (m *measurement) perCPU() float64 { return ratio(float64(m.samples), m.cpu.Seconds()) }

// bytesPerSample is the compressed size of the bodies by sample.
func (m *measurement) bytesPerSample() float64 { return ratio(float64(m.bytes), float64(m.samples)) }

// complete tells whether the run's figures are figures.
func (m *measurement) complete() bool { return m.failed == "" && m.missing == 0 && m.samples > 0 }

// ratio divides, and is 0 where there is nothing to divide by.
func ratio(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a / b
}

// results are all measurements.
type results []measurement

func (rs results) of(load, arm string) []*measurement {
	var out []*measurement
	for i := range rs {
		if rs[i].load == load && rs[i].arm == arm {
			out = append(out, &rs[i])
		}
	}
	return out
}

// run returns a complete run of an arm, nil where there is none.
func (rs results) run(load, arm string, run int) *measurement {
	for _, m := range rs.of(load, arm) {
		if m.run == run && m.complete() {
			return m
		}
	}
	return nil
}

// beyondDecoding is samples per CPU-second when the time that the same program takes to receive them, in the same round of
// runs, is left out; 0 where that is not known, or the time is lost in noise.
func (rs results) beyondDecoding(m *measurement, decoding string) float64 {
	d := rs.run(m.load, decoding, m.run)
	if d == nil || !m.complete() {
		return 0
	}
	return ratio(1, m.cpu.Seconds()/float64(m.samples)-d.cpu.Seconds()/float64(d.samples))
}

// figures are the values of one arm with one load, one for each run, in order of runs.
type figures struct {
	perCPU, beyond, bytes, peak, rss []float64
}

func (rs results) figures(load string, a *arm) figures {
	var f figures
	for _, m := range rs.of(load, a.key) {
		f.perCPU = append(f.perCPU, m.perCPU())
		f.beyond = append(f.beyond, rs.beyondDecoding(m, a.decoding))
		f.bytes = append(f.bytes, m.bytesPerSample())
		f.peak = append(f.peak, m.peakRSS)
		f.rss = append(f.rss, m.rss)
	}
	return f
}

// lost says why an arm has no figures, empty where all its runs are complete.
func lost(ms []*measurement) string {
	for _, m := range ms {
		if m.failed != "" {
			return m.failed
		}
	}
	worst := slices.MaxFunc(ms, func(a, b *measurement) int { return cmp.Compare(a.missing, b.missing) })
	if worst.missing > 0 {
		return fmt.Sprintf("MISSING %s of %s samples %v after the last was acknowledged", report.Count(float64(worst.missing)),
			report.Count(float64(worst.sent)), worst.delay.Round(time.Second))
	}
	return ""
}

// What makes a run doubtful.
const (
	lateMax  = 250 * time.Millisecond
	delayMax = 10 * time.Second
)

// doubts says what is odd about an arm's runs. set is how all arms' series should be.
func doubts(ms []*measurement, set uint64) string {
	var late, delay time.Duration
	var repeated uint64
	refused, others := 0, false
	for _, m := range ms {
		late, delay = max(late, m.late), max(delay, m.delay)
		repeated, refused = max(repeated, m.repeated), max(refused, m.refused)
		others = others || m.series > 0 && m.set != set
	}
	var out []string
	if late > lateMax {
		out = append(out, fmt.Sprintf("fell behind by %.1fs", late.Seconds()))
	}
	if delay > delayMax {
		out = append(out, fmt.Sprintf("last sample %.0fs late", delay.Seconds()))
	}
	if repeated > 0 {
		out = append(out, report.Count(float64(repeated))+" samples came twice")
	}
	if refused > 0 {
		out = append(out, fmt.Sprintf("%d refusals", refused))
	}
	if others {
		out = append(out, "its series have other labels")
	}
	return strings.Join(out, ", ")
}

// usualSet is the set of series that most runs with a load have sent.
func (rs results) usualSet(load string) uint64 {
	votes := map[uint64]int{}
	var usual uint64
	for i := range rs {
		if m := &rs[i]; m.load == load && m.complete() && m.series > 0 {
			if votes[m.set]++; votes[m.set] > votes[usual] {
				usual = m.set
			}
		}
	}
	return usual
}
