package spanpipe

import (
	"context"
	"testing"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
)

// BenchmarkStorage is what storing requests and decisions costs on the reference load: the clock advances as if a hundred
// thousand spans came a second, of which a second is held.
func BenchmarkStorage(b *testing.B) {
	b.Run("off", func(b *testing.B) { benchmarkStorage(b, "") })
	b.Run("on", func(b *testing.B) { benchmarkStorage(b, b.TempDir()) })
}

func benchmarkStorage(b *testing.B, dir string) {
	cfg := referenceConfig()
	cfg.Sampling.DecisionWait, cfg.Sampling.DecisionWaitMin, cfg.Sampling.RescueWindow = time.Second, time.Second, 0
	cfg.Sampling.Storage.Directory = dir
	e, err := New(Settings{
		Config: cfg, Limits: MemoryLimits{Buffers: 1 << 30}, WriterID: "bench", Start: time.Now(),
		SendTraces: func(context.Context, []byte, int) error { return nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	templates := referenceTemplates(b, 16)
	now, round := e.start, uint64(0)
	step := func() {
		round++
		now = now.Add(2560 * time.Microsecond)
		put(b, e, templates[round%16], round, now)
		if round%20 == 0 {
			e.tick(now)
		}
		for batch := e.out.next(); batch != nil; batch = e.out.next() {
			e.keepSent(batch)
			e.out.done(batch)
		}
	}
	for range 1000 {
		step()
	}
	cpu := spantest.CPU()
	for b.Loop() {
		step()
	}
	cpu = spantest.CPU() - cpu
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/spantest.ReferenceSpans, "cpu-ns/span")
	if e.store != nil {
		b.ReportMetric(float64(e.store.Stats().Bytes)/(1<<20), "MiB-stored")
	}
}
