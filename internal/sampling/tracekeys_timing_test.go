package sampling

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// BenchmarkMatchKeys is what telling traces apart costs beside the policies of the reference job.
func BenchmarkMatchKeys(b *testing.B) {
	request := spantest.ReferenceRequest(1)
	f := func(name, policy string) {
		b.Run(name, func(b *testing.B) {
			p, s := mustCompile(b, reference[:len(reference)-2]+policy+`]}`)
			var batch spanview.Batch
			require.NoError(b, otlpwire.Scan(request, s, &batch))
			var sc Scratch
			b.ReportAllocs()
			cpu := spantest.CPU()
			for b.Loop() {
				p.Match(&batch, &sc)
			}
			b.ReportMetric(float64((spantest.CPU()-cpu).Nanoseconds())/float64(b.N)/spantest.ReferenceSpans, "cpu-ns/span")
		})
	}
	f("none", ``)
	f("root_operation", `, {name: a, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 1}}`)
	f("key_attributes", `, {name: a, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 1, key_attributes: [service.name, http.route]}}`)
	f("error_signature", `, {name: a, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 1, key: error_signature}}`)
}

// BenchmarkAdaptiveRound is a round of as many keys as there are by default, without the traces.
func BenchmarkAdaptiveRound(b *testing.B) {
	for _, method := range adaptiveMethods {
		b.Run(method[len("method: "):], func(b *testing.B) {
			p := adaptivePolicy(b, `spans_per_second: 1000, `+method)
			a, now := p.adaptives[0], int64(0)
			for b.Loop() {
				for key := range 500 {
					f := facts{asked: asSurveyed, spans: uint32(1 + key%7)}
					f.traits.Key = keyed(key)
					a.eval(f)
				}
				now += 50
				a.settle(now)
			}
		})
	}
}
