package spanpipe

import (
	"context"
	"encoding/binary"
	"fmt"
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
// flat. Deciding and expiring are part of it, twenty ticks a second of a second's decision_wait.
func BenchmarkFlat(b *testing.B) {
	for _, live := range []int{10_000, 100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("traces=%d/services=16", live), func(b *testing.B) { benchmarkFlat(b, live, 16) })
	}
	for _, services := range []int{160, 1600, 10_000} {
		b.Run(fmt.Sprintf("traces=100000/services=%d", services), func(b *testing.B) { benchmarkFlat(b, 100_000, services) })
	}
}

func benchmarkFlat(b *testing.B, live, services int) {
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
	defer e.Close()
	templates := flatTemplates(b, services)
	requests := live / flatTraces // held at any time
	every := max(requests/200, 1) // a tick is 50 ms of 10 s
	round, now := 0, e.start
	step := func() {
		round++
		put(b, e, templates[round%len(templates)], uint64(round), now)
		if round%every == 0 {
			now = now.Add(time.Duration(every) * 10 * time.Second / time.Duration(requests))
			e.tick(now)
		}
		for batch := e.out.next(); batch != nil; batch = e.out.next() {
			e.out.done(batch)
		}
	}
	for range requests + requests/4 + 2*len(templates) {
		step()
	}
	b.ReportAllocs()
	cpu := spantest.CPU()
	for b.Loop() {
		step()
	}
	cpu = spantest.CPU() - cpu
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/(2*flatTraces), "cpu-ns/span")
}
