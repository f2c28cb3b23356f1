package tracebuf

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATraceIsFoundWhereverItStands(t *testing.T) {
	h := newHistory(t, 1, 64<<20, 1000)
	look := func(n uint64) (k Known, shown int) {
		k = h.buf.Lookup(traceID(n), func(b Buffered) {
			require.Equal(t, h.sent[serialOf(b)].body, b.Span)
			shown++
		})
		return k, shown
	}
	for n := range uint64(100) {
		bits := uint64(0)
		if n%2 == 0 {
			bits = bitKeep
		}
		h.send(2, func() ([16]byte, uint64) { return traceID(n), bits }, false)
	}
	k, shown := look(500)
	require.Equal(t, Known{}, k)
	require.Zero(t, shown)

	k, shown = look(7)
	require.Equal(t, Undecided, k.Record.State)
	require.Equal(t, h.now, k.First)
	require.Equal(t, 2, shown)

	h.decide(h.now, false)
	k, shown = look(7)
	require.Equal(t, Dropped, k.Record.State)
	require.Equal(t, 2, shown)
	k, shown = look(8)
	require.Equal(t, Kept, k.Record.State)
	require.Zero(t, shown)

	h.buf.Expire(h.now)
	k, _ = look(7)
	require.Equal(t, Known{Remembered: true}, k)
	k, _ = look(8)
	require.Equal(t, Known{Remembered: true, Kept: true}, k)
}
