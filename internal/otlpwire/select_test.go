package otlpwire

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func TestSingleAttributesAreReadAsAllAre(t *testing.T) {
	batch, schema := &spanview.Batch{}, oracleSchema()
	r := NewAttributeReader(schema.SpanKeys(), schema.SpanSlots())
	present := 0
	for seed := range uint64(300) {
		g := generator{rng: rand.New(rand.NewPCG(seed, 9)), odd: 0.1}
		buf := g.request()
		if Scan(buf, schema, batch) != nil {
			continue
		}
		for i := range batch.Spans {
			got := r.Read(batch.Bytes(buf, batch.Spans[i].Raw))
			require.Equal(t, batch.SpanValues(i), got)
			for _, v := range got {
				if v.Present() {
					present++
				}
			}
		}
	}
	require.Greater(t, present, 300)
}

func TestReadingSingleAttributesDoesNotAllocate(t *testing.T) {
	schema := oracleSchema()
	r := NewAttributeReader(schema.SpanKeys(), schema.SpanSlots())
	batch := &spanview.Batch{}
	var buf []byte
	for seed := uint64(1); len(batch.Spans) == 0; seed++ { // the first valid request
		g := generator{rng: rand.New(rand.NewPCG(seed, 9))}
		buf = g.request()
		_ = Scan(buf, schema, batch)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range batch.Spans {
			r.Read(batch.Bytes(buf, batch.Spans[i].Raw))
		}
	}))
}

func TestOfABrokenSpanSingleAttributesAreReadThatCanBe(t *testing.T) {
	r := NewAttributeReader(oracleSchema().SpanKeys(), oracleSchema().SpanSlots())
	require.NotPanics(t, func() {
		for n := range 64 {
			r.Read([]byte{tagAttributes, byte(n), tagKey, byte(n), 0xFF})
		}
	})
}
