package spanpipe

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
)

const (
	flatTraces   = 128 // of a request, two spans each
	flatServices = 16  // of a request
)

// flatTemplates are requests of small spans: two of about 60 bytes a trace, of services that are all there are, over all
// requests.
func flatTemplates(b *testing.B, services int) []*spantest.Template {
	var out []*spantest.Template
	for first := 0; first < services; first += flatServices {
		td := ptrace.NewTraces()
		var ids [][16]byte
		for s := range flatServices {
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", fmt.Sprintf("service-%d", (first+s)%services))
			spans := rs.ScopeSpans().AppendEmpty().Spans()
			for i := range flatTraces / flatServices {
				var id pcommon.TraceID
				binary.LittleEndian.PutUint64(id[:], uint64(first*flatTraces+s*100+i)*0x9E3779B97F4A7C15+1)
				binary.LittleEndian.PutUint64(id[8:], uint64(i)+0xABCDEF)
				ids = append(ids, id)
				for n := range 2 {
					sp := spans.AppendEmpty()
					sp.SetTraceID(id)
					sp.SetSpanID(pcommon.SpanID{byte(n + 1)})
					sp.SetName("op")
					sp.SetKind(ptrace.SpanKindServer)
					sp.SetStartTimestamp(1_700_000_000_000_000_000)
					sp.SetEndTimestamp(1_700_000_000_003_000_000)
				}
			}
		}
		request, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, spantest.NewTemplate(request, ids))
	}
	return out
}

// BenchmarkFlat is the cost of a span in the engine, without a network, as live traces and services grow: it is to stay
// flat. Deciding and expiring are part of it. A round puts a slice of requests through an engine of each size in turn, and
// what a size costs is told, beside its median, as the median of its ratios to the first size in the same round: so a
// machine whose speed changes from second to second slows down both. What a live trace takes of the budget is told too.
func BenchmarkFlat(b *testing.B) {
	sizes := []struct{ traces, services int }{
		{10_000, 10}, {100_000, 10}, {1_000_000, 10}, {10_000_000, 10}, {100_000, 100}, {100_000, 1000}, {100_000, 10_000},
	}
	var runs []*flatRun
	for _, size := range sizes {
		r := newFlatRun(b, size.traces, size.services)
		defer r.engine.Close()
		runs = append(runs, r)
	}
	costs, ratios := make([][]float64, len(runs)), make([][]float64, len(runs))
	for b.Loop() {
		for i, r := range runs {
			cpu := spantest.CPU()
			for range flatSlice {
				r.step(b)
			}
			cost := float64((spantest.CPU() - cpu).Nanoseconds()) / (flatSlice * 2 * flatTraces)
			costs[i] = append(costs[i], cost)
			ratios[i] = append(ratios[i], cost/costs[0][len(costs[0])-1])
		}
	}
	for i, size := range sizes {
		slices.Sort(costs[i])
		slices.Sort(ratios[i])
		name := fmt.Sprintf("%d-traces-%d-services", size.traces, size.services)
		b.ReportMetric(costs[i][len(costs[i])/2], "ns/span-"+name)
		b.ReportMetric(ratios[i][len(ratios[i])/2], "times-"+name)
		b.ReportMetric(float64(runs[i].engine.budget.Total())/float64(size.traces), "B/trace-"+name)
	}
}

// flatSlice is how many requests an engine gets at a time: enough that what the others left in the caches is little of it.
const flatSlice = 1000

// flatRun is an engine that holds a number of live traces.
type flatRun struct {
	engine    *Engine
	templates []*spantest.Template
	requests  int // held at any time
	round     int
	now       time.Time
}

func newFlatRun(b *testing.B, live, services int) *flatRun {
	cfg := DefaultConfig()
	cfg.Sampling.DecisionWait = 10 * time.Second
	cfg.Sampling.RescueWindow = 0
	e, err := New(Settings{
		Config: cfg, Limits: MemoryLimits{Buffers: 12 << 30}, WriterID: "bench", Start: time.Now(),
		SendTraces: func(context.Context, []byte, int) error { return nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	r := &flatRun{engine: e, templates: flatTemplates(b, services), requests: live / flatTraces, now: e.start}
	for range r.requests + r.requests/4 + 2*len(r.templates) {
		r.step(b)
	}
	return r
}

func (r *flatRun) step(b *testing.B) {
	e := r.engine
	r.round++
	put(b, e, r.templates[r.round%len(r.templates)], uint64(r.round), r.now)
	every := max(r.requests/200, 1) // a tick is 50 ms of 10 s
	if r.round%every == 0 {
		r.now = r.now.Add(time.Duration(every) * 10 * time.Second / time.Duration(r.requests))
		e.tick(r.now)
	}
	for batch := e.out.next(); batch != nil; batch = e.out.next() {
		e.out.done(batch)
	}
}
