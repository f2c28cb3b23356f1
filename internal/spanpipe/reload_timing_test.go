package spanpipe

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
)

// BenchmarkReload is how long requests wait for a reload that asks spans anew, with a million spans of the reference load held: by a
// condition on an attribute, and by one on payload, for which all spans are decoded.
func BenchmarkReload(b *testing.B) {
	for _, compression := range []string{"none", "s2"} {
		b.Run(compression, func(b *testing.B) { benchmarkReload(b, compression, 1_000_000) })
	}
}

func benchmarkReload(b *testing.B, compression string, spans int) {
	cfg := referenceConfig()
	cfg.Sampling.Compression = compression
	e, err := New(Settings{
		Config: cfg, Limits: MemoryLimits{Buffers: int64(spans) * 1000}, WriterID: "bench", Start: time.Now(),
		SendTraces: func(context.Context, []byte, int) error { return nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	templates := referenceTemplates(b, 64)
	for i := range spans / spantest.ReferenceSpans {
		put(b, e, templates[i%len(templates)], uint64(i), e.start)
		if compression != "none" {
			for more := true; more; {
				_, more = e.buf.Compress(compressSpare)
			}
		}
	}
	held := e.Stats(e.start).Held.Spans
	reload := 0
	cpu := spantest.CPU()
	for b.Loop() {
		reload++
		err := e.ReloadPolicies(sampling.Config{Policies: append(sampling.DefaultPolicies(), textIs("a", fmt.Sprint("key", reload%2), "a"))})
		if err != nil {
			b.Fatal(err)
		}
	}
	cpu = spantest.CPU() - cpu
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/float64(held), "cpu-ns/held-span")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(held), "ns/held-span")
	b.ReportMetric(float64(held), "spans")
}
