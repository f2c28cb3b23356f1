package prometheusremotewriteexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite/translate"
)

func TestABufferIsKeptWhileThereAreLargePayloads(t *testing.T) {
	var stock buffers
	h := newHarness(t, nil)
	now := time.Unix(1_700_000_000, 0)
	use := func(points int) *translate.Buffer {
		b := stock.take()
		h.translator.Translate(counters(points, 1000, 1), b)
		stock.give(b, now)
		return b
	}
	large := use(10_000)
	for range 100 {
		now = now.Add(time.Second)
		require.Same(t, large, use(1), "small payloads between large ones have it too")
		if now.Second()%15 == 0 {
			require.Same(t, large, use(10_000))
		}
	}
	for range 3 {
		now = now.Add(bufferPeriod)
		use(1)
	}
	small := use(1)
	assert.NotSame(t, large, small, "it goes when the large payloads have ended")
	assert.Same(t, small, use(2))
}

func TestOfTwoBuffersTheLargerIsKept(t *testing.T) {
	var stock buffers
	h := newHarness(t, nil)
	now := time.Unix(1_700_000_000, 0)
	small, large := stock.take(), stock.take()
	require.NotSame(t, small, large)
	h.translator.Translate(counters(1, 1000, 1), small)
	h.translator.Translate(counters(1000, 1000, 1), large)
	stock.give(small, now)
	stock.give(large, now)
	assert.Same(t, large, stock.take())
	small, large = stock.take(), large
	h.translator.Translate(counters(1, 1000, 1), small)
	stock.give(large, now)
	stock.give(small, now)
	assert.Same(t, large, stock.take())
	assert.Empty(t, large.Series, "it holds nothing of the payload")
}
