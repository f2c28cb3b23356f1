package otlpwire

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func TestABriefSaysWhatTheSpanSays(t *testing.T) {
	batch := &spanview.Batch{}
	spans := 0
	for seed := range uint64(300) {
		g := generator{rng: rand.New(rand.NewPCG(seed, 7)), odd: 0.1}
		buf := g.request()
		if Scan(buf, oracleSchema(), batch) != nil {
			continue
		}
		for i := range batch.Spans {
			span := &batch.Spans[i]
			brief := ReadBrief(batch.Bytes(buf, span.Raw))
			require.Equal(t, Brief{Start: span.Start, End: span.End, TraceState: span.TraceState}, brief)
			require.Equal(t, span.Duration(), brief.Duration())
			spans++
		}
	}
	require.Greater(t, spans, 300)
}

func TestABriefOfABrokenSpanSaysWhatCanBeRead(t *testing.T) {
	brief := ReadBrief(unhex("39 0100000000000000 39 0200000000000000 41 0300"))
	require.Equal(t, Brief{Start: 2}, brief, "the last start, and no end: it is cut off")
}
