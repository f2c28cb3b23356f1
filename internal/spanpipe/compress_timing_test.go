package spanpipe

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
)

// BenchmarkCompression is what compression saves and costs on the reference load: the budget's bytes a span that is held,
// and the processor time of a span, compressing, deciding and expiring included, at 50,000 spans a second held for
// decision_wait and, where it is on, the rescue window. Traces come whole in a request, or spread: a span each in requests
// that come over two seconds. hits is the share of a kept trace's blocks that were read out of the cache of inflated ones.
func BenchmarkCompression(b *testing.B) {
	for _, window := range []struct {
		name   string
		rescue time.Duration
	}{{"rescue=off", 0}, {"rescue=30s", 30 * time.Second}} {
		for _, compression := range []string{"none", "s2", "zstd"} {
			b.Run(window.name+"/whole/"+compression, func(b *testing.B) { benchmarkCompression(b, compression, window.rescue, 0) })
			b.Run(window.name+"/spread/"+compression, func(b *testing.B) { benchmarkCompression(b, compression, window.rescue, 50) })
		}
	}
}

func benchmarkCompression(b *testing.B, compression string, rescue time.Duration, apart uint64) {
	cfg := referenceConfig()
	cfg.Sampling.Compression, cfg.Sampling.RescueWindow = compression, rescue
	// As many as the reference job keeps, but not for their extent: requests are of different times.
	cfg.Sampling.Policies = []sampling.PolicyConfig{
		{Name: "errors", Type: "status_code", StatusCode: &sampling.StatusCodeConfig{StatusCodes: []string{"ERROR"}}},
		{Name: "baseline", Type: "probabilistic", Probabilistic: &sampling.ProbabilisticConfig{SamplingPercentage: 2}},
	}
	e, err := New(Settings{
		Config: cfg, Limits: MemoryLimits{Buffers: 4 << 30}, WriterID: "bench", Start: time.Now(),
		SendTraces: func(context.Context, []byte, int) error { return nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	const every = time.Second * spantest.ReferenceSpans / 50_000
	templates := referenceTemplates(b, 64)
	rng := rand.New(rand.NewPCG(1, 1))
	now, round := e.start, uint64(0)
	step := func() {
		round++
		now = now.Add(every)
		putSpread(b, e, templates[rng.IntN(len(templates))], round, apart, now)
		if round%10 == 0 {
			e.tick(now)
			for more := true; more; {
				_, more = e.buf.Compress(compressSpare)
			}
		}
		for batch := e.out.next(); batch != nil; batch = e.out.next() {
			e.out.done(batch)
		}
	}
	for range int((cfg.Sampling.DecisionWait + rescue) / every * 5 / 4) {
		step()
	}
	cpu := spantest.CPU()
	for b.Loop() {
		step()
	}
	cpu = spantest.CPU() - cpu
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/spantest.ReferenceSpans, "cpu-ns/span")
	b.ReportMetric(float64(e.budget.Total())/float64(e.Stats(now).Held.Spans), "B/held-span")
	if s := e.buf.Compression(); s.Slabs > 0 {
		b.ReportMetric(float64(s.RawBytes)/float64(s.PackedBytes), "ratio")
		b.ReportMetric(float64(s.Inflated)/float64(e.counts.spans.Load())*1000, "blocks/1000-spans")
		b.ReportMetric(1-float64(s.Inflated)/float64(s.Reads), "hits")
	}
}
