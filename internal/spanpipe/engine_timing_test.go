package spanpipe

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/red"
	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// referenceTemplates are reference requests whose trace ids can be replaced.
func referenceTemplates(t testing.TB, n int) []*spantest.Template {
	var out []*spantest.Template
	for i := range n {
		request := spantest.ReferenceRequest(uint64(i))
		var b spanview.Batch
		require.NoError(t, otlpwire.Scan(request, &spanview.Schema{}, &b))
		seen := map[[16]byte]bool{}
		var ids [][16]byte
		for j := range b.Spans {
			if id := b.Spans[j].TraceID; !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
		out = append(out, spantest.NewTemplate(request, ids))
	}
	return out
}

// referenceConfig is the reference job: errors, slow traces and 1 % kept; calls and duration by method, route and response
// code.
func referenceConfig() Config {
	cfg := DefaultConfig()
	cfg.RED.Dimensions = []red.Dimension{{Name: "http.request.method"}, {Name: "http.route"}, {Name: "http.response.status_code"}}
	return cfg
}

func referenceEngine(t testing.TB) *Engine {
	e, err := New(Settings{
		Config: referenceConfig(), Limits: MemoryLimits{Buffers: 2 << 30}, WriterID: "bench", Start: time.Now(),
		SendTraces: func(context.Context, []byte, int) error { return nil },
	})
	require.NoError(t, err)
	return e
}

func put(t testing.TB, e *Engine, template *spantest.Template, round uint64, now time.Time) {
	putSpread(t, e, template, round, 0, now)
}

// putSpread puts a request with traces whose spans come so many rounds apart.
func putSpread(t testing.TB, e *Engine, template *spantest.Template, round, apart uint64, now time.Time) {
	r, err := e.NewRequest(len(template.Request), now)
	if err != nil {
		t.Fatal(err)
	}
	copy(r.Body(), template.Request)
	template.PatchSpread(r.Body(), round, apart)
	if _, err := r.Accept(now); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkEngine is the whole pass without a network, deciding and expiring included: the clock advances as if a million
// spans came a second, of which a second is held.
func BenchmarkEngine(b *testing.B) {
	e := referenceEngine(b)
	e.cfg.Sampling.DecisionWait = time.Second
	e.cfg.Sampling.RescueWindow = 0
	defer e.Close()
	templates := referenceTemplates(b, 16)
	now := e.start
	round := uint64(0)
	step := func() {
		round++
		now = now.Add(256 * time.Microsecond)
		put(b, e, templates[round%16], round, now)
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
	b.ReportAllocs()
	cpu := spantest.CPU()
	for b.Loop() {
		step()
	}
	cpu = spantest.CPU() - cpu
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/spantest.ReferenceSpans, "cpu-ns/span")
}

func TestTakingARequestInDoesNotAllocate(t *testing.T) {
	e := referenceEngine(t)
	templates := referenceTemplates(t, 8)
	now, round := e.start, uint64(0)
	step := func() {
		round++
		now = now.Add(time.Millisecond)
		put(t, e, templates[round%8], round, now)
	}
	for range 2000 { // series, slabs and tables are there
		step()
	}
	// A new page of records or a larger index comes once in thousands of requests: less than one allocation a request.
	require.Zero(t, testing.AllocsPerRun(500, step))
	e.Close()
}
