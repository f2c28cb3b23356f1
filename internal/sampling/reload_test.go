package sampling

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNewLimitsOnDurationsHoldBeforeTheNextRound(t *testing.T) {
	old, s := mustCompile(t, `{policies: [`+unusual+`]}`)
	var sc Scratch
	for range 100 {
		matchOf(old, s, &sc, sent{service: "a", name: "get", duration: 5 * milli})
	}
	old.Begin(1)
	for range 100 {
		matchOf(old, s, &sc, sent{service: "a", name: "put", duration: 5 * milli}) // no round has seen these
	}
	const other = `{name: u, type: relative_latency, relative_latency: {quantile: 0.9, factor: 3, floor_ms: 10, min_count: 50}}`
	for _, policy := range []string{unusual, other} {
		p, err := Compile(mustParse(t, `{policies: [`+policy+`]}`), Options{Previous: old}, s)
		require.NoError(t, err)
		for _, again := range []bool{true, false} {
			for _, name := range []string{"get", "put"} {
				b := matchOf(p, s, &Scratch{Again: again}, sent{service: "a", name: name, duration: 500 * milli},
					sent{service: "a", name: name, duration: 5 * milli})
				assert.Equal(t, []uint64{1, 0}, []uint64{b.Spans[0].Bits, b.Spans[1].Bits}, "%s, again: %t", name, again)
			}
		}
		old = p
	}
}
