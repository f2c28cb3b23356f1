package tailsamplingprocessor

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// reference are policies as the stock collector is compared with: errors, slow traces and 1 % kept.
const reference = `{decision_wait: 1s, rescue_window: 0s, memory: {limit_mib: 2048}, policies: [
	{name: errors, type: status_code, status_code: {status_codes: [ERROR]}},
	{name: slow, type: latency, latency: {threshold_ms: 499}},
	{name: baseline, type: probabilistic, probabilistic: {sampling_percentage: 1}}]}`

// referenceTemplates are reference requests whose trace ids can be replaced.
func referenceTemplates(t testing.TB, n int) (out []*spantest.Template) {
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

// BenchmarkDoor is what a span costs on its way through the door: decode is the stock otlp receiver's part alone, door that
// and ours, with deciding and sending in the background.
func BenchmarkDoor(b *testing.B) {
	templates := referenceTemplates(b, 16)
	round := uint64(0)
	decode := func() ptrace.Traces {
		round++
		template := templates[round%16]
		template.Patch(template.Request, round)
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(template.Request)
		require.NoError(b, err)
		return td
	}
	measure := func(name string, step func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := spantest.CPU()
			step(b)
			cpu := spantest.CPU() - before
			spans := float64(b.N) * spantest.ReferenceSpans
			b.ReportMetric(float64(cpu.Nanoseconds())/spans, "cpu-ns/span")
			b.ReportMetric(spans/cpu.Seconds(), "spans/cpu-s")
		})
	}
	measure("decode", func(b *testing.B) {
		for b.Loop() {
			decode()
		}
	})
	measure("marshal", func(b *testing.B) {
		td := decode()
		for b.Loop() {
			_, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
			require.NoError(b, err)
		}
	})
	measure("door", func(b *testing.B) {
		r := start(b, reference)
		for b.Loop() {
			for r.ConsumeTraces(context.Background(), decode()) != nil {
				time.Sleep(10 * time.Millisecond)
			}
		}
		r.end(b)
	})
}
