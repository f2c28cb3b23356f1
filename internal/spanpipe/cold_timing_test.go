package spanpipe

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
)

// BenchmarkCold is a request that comes after its core did something else, which went over so many MiB of memory: the
// caches hold little of ours. That is how a gateway runs that is far from saturated. It tells the tenth percentile of the
// requests, which is that of an undisturbed machine, without deciding and expiring.
func BenchmarkCold(b *testing.B) {
	for _, mib := range []int{0, 8, 64} {
		b.Run(fmt.Sprintf("other=%dMiB", mib), func(b *testing.B) { benchmarkCold(b, make([]byte, mib<<20)) })
	}
}

func benchmarkCold(b *testing.B, other []byte) {
	e := referenceEngine(b)
	e.cfg.Sampling.DecisionWait = time.Second
	e.cfg.Sampling.RescueWindow = 0
	defer e.Close()
	templates := referenceTemplates(b, 16)
	var took []time.Duration
	now := e.start
	round := uint64(0)
	step := func() {
		round++
		now = now.Add(256 * time.Microsecond)
		for i := 0; i < len(other); i += 64 {
			other[i]++
		}
		start := time.Now()
		put(b, e, templates[round%16], round, now)
		took = append(took, time.Since(start))
		if round%200 == 0 {
			e.tick(now)
		}
		for batch := e.out.next(); batch != nil; batch = e.out.next() {
			e.out.done(batch)
		}
	}
	ours := other
	other = nil
	for range 6000 {
		step()
	}
	other, took = ours, took[:0]
	for b.Loop() {
		step()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/10].Nanoseconds())/spantest.ReferenceSpans, "p10-ns/span")
}
