package otlpsloreceiver

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBuffersHaveTheSizeThatWasReserved(t *testing.T) {
	for _, length := range []int{1, 16 << 10, 16<<10 + 1, 64 << 10, 200_000, 1 << 20} {
		for range 2 { // the second time one that was used before
			b := bodyBuffers.Get(length)
			require.Len(t, *b, length)
			require.Equal(t, bufferFor(int64(length)), cap(*b))
			*b = (*b)[:1]
			bodyBuffers.Put(b)
		}
	}
	b := bodyBuffers.Get(bodyLargest + 1)
	require.Len(t, *b, bodyLargest+1)
	bodyBuffers.Put(b)
}
