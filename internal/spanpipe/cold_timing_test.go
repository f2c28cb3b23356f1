package spanpipe

import (
	"slices"
	"testing"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
)

// coldBytes is more than the caches of one core hold.
const coldBytes = 8 << 20

// BenchmarkCold is a request that comes after its core did something else: the caches hold nothing of ours. That is how
// a gateway runs that is far from saturated. It tells the median request, without deciding and expiring.
func BenchmarkCold(b *testing.B) {
	e := referenceEngine(b)
	e.cfg.Sampling.DecisionWait = time.Second
	e.cfg.Sampling.RescueWindow = 0
	defer e.Close()
	templates := referenceTemplates(b, 16)
	other := make([]byte, coldBytes)
	took := make([]time.Duration, 0, 1<<16)
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
	for range 6000 {
		step()
	}
	took = took[:0]
	for b.Loop() {
		step()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/spantest.ReferenceSpans, "median-ns/span")
}
