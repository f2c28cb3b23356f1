package sampling

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// comparing are policies that compare, with contrib's beside them for scale.
var comparing = []struct{ name, policies string }{
	{"none", `{name: b, type: probabilistic, probabilistic: {sampling_percentage: 1}}`},
	{"relative_latency", `{name: u, type: relative_latency, relative_latency: {}}`},
	{"first_seen", `{name: f, type: first_seen, first_seen: {traces: 1}}`},
	{"rare", `{name: r, type: rare, rare: {}}`},
	{"all", `{name: u, type: relative_latency, relative_latency: {}}, {name: f, type: first_seen, first_seen: {traces: 1}}, {name: r, type: rare, rare: {}}`},
	{"string_attribute", `{name: a, type: string_attribute, string_attribute: {key: http.route, values: [/pay]}}`},
}

// referenceBatch reads the reference request for policies.
func referenceBatch(t testing.TB, policies string) (*Policies, *spanview.Batch, *Scratch) {
	t.Helper()
	p, s := mustCompile(t, `{policies: [`+policies+`]}`)
	b, sc := &spanview.Batch{}, &Scratch{}
	require.NoError(t, otlpwire.Scan(spantest.ReferenceRequest(1), s, b))
	for round := range byte(50) { // until everything is known
		for i := range b.Spans {
			b.Spans[i].TraceID[0] = round
		}
		p.Match(b, sc)
	}
	p.Begin(1)
	return p, b, sc
}

func TestComparingAllocatesNothing(t *testing.T) {
	for _, c := range comparing {
		p, b, sc := referenceBatch(t, c.policies)
		assert.Zero(t, testing.AllocsPerRun(100, func() { p.Match(b, sc) }), c.name)
		r, now := tracebuf.Record{TraceID: b.Spans[0].TraceID, Spans: 8}, int64(1)
		p.Decide(&r)
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			now += 6000
			p.Begin(now)
			p.Decide(&r)
		}), c.name)
	}
}

func BenchmarkComparing(b *testing.B) {
	for _, c := range comparing {
		b.Run(c.name, func(b *testing.B) {
			p, batch, sc := referenceBatch(b, c.policies)
			b.ReportAllocs()
			before := spantest.CPU()
			for b.Loop() {
				p.Match(batch, sc)
			}
			b.ReportMetric(float64((spantest.CPU()-before).Nanoseconds())/float64(b.N)/spantest.ReferenceSpans, "cpu-ns/span")
		})
	}
}
