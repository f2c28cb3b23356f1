package otlpwire

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// maxFuzzBytes keeps the oracle, which recurses and allocates, quick.
const maxFuzzBytes = 1 << 16

func addSeeds(f *testing.F) {
	f.Add(fullRequest())
	f.Add(ascending(fullRequest(), requestMessage))
	for seed := range uint64(30) {
		g := generator{rng: rand.New(rand.NewPCG(seed, 5)), odd: 0.2, wrong: 0.005 * float64(seed%2)}
		if buf := g.request(); len(buf) < 4000 {
			f.Add(buf)
		}
	}
}

// FuzzScan compares Scan with pdata on anything: what it refuses, and every field of what it accepts.
func FuzzScan(f *testing.F) {
	addSeeds(f)
	schema := oracleSchema()
	single := NewAttributeReader(schema.SpanKeys(), schema.SpanSlots())
	f.Fuzz(func(t *testing.T, buf []byte) {
		if len(buf) > maxFuzzBytes {
			t.Skip("too long for the oracle")
		}
		single.Read(buf) // whatever it is: no panic
		batch := &spanview.Batch{}
		if _, ok := scanLikePdata(t, buf, schema, batch); !ok {
			return
		}
		for i := range batch.Spans {
			require.Equal(t, batch.SpanValues(i), single.Read(batch.Bytes(buf, batch.Spans[i].Raw)))
		}
	})
}

// FuzzReassemble takes requests apart and builds them anew from their spans.
func FuzzReassemble(f *testing.F) {
	addSeeds(f)
	schema := oracleSchema()
	f.Fuzz(func(t *testing.T, buf []byte) {
		if len(buf) > maxFuzzBytes {
			t.Skip("too long for the oracle")
		}
		batch := &spanview.Batch{}
		traces, ok := scanLikePdata(t, buf, schema, batch)
		if !ok {
			return
		}
		rng := rand.New(rand.NewPCG(uint64(len(buf)), 6))
		requireSameReassembled(t, flatten(traces), buf, batch, &Assembler{}, rng)
	})
}
