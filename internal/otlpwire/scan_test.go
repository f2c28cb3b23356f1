package otlpwire

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func TestScanReadsWhatPdataReads(t *testing.T) {
	schema, batch := oracleSchema(), &spanview.Batch{}
	for _, odd := range []float64{0, 0.1, 0.5} {
		var spans, accepted int
		for seed := range uint64(3000) {
			g := generator{rng: rand.New(rand.NewPCG(seed, 2)), odd: odd}
			traces, ok := scanLikePdata(t, g.request(), schema, batch)
			if ok {
				accepted++
				spans += traces.SpanCount()
			}
		}
		t.Logf("odd %v: %d of 3000 accepted, %d spans", odd, accepted, spans)
		require.Greater(t, accepted, 1000)
		require.Greater(t, spans, 1000)
	}
}

func TestScanRefusesWhatPdataRefuses(t *testing.T) {
	schema, batch := oracleSchema(), &spanview.Batch{}
	accepted := 0
	for seed := range uint64(10_000) {
		g := generator{rng: rand.New(rand.NewPCG(seed, 3)), odd: 0.1, wrong: 0.01}
		if _, ok := scanLikePdata(t, g.request(), schema, batch); ok {
			accepted++
		}
	}
	t.Logf("%d of 10000 accepted", accepted)
	require.Greater(t, accepted, 1000)
	require.Less(t, accepted, 9000)
}
