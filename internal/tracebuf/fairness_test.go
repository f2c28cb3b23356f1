package tracebuf

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// narrow takes one trace a turn.
type narrow struct {
	*history
	left int
}

func (n *narrow) Room() bool { return n.left > 0 }

func (n *narrow) Looks(*Record) bool { return false }

func (n *narrow) Emit(c *Closed) {
	n.left--
	n.history.Emit(c)
}

// More is kept than the emitter takes: whichever shard a trace is in, it must not wait for as long as that lasts.
func TestAFullEmitterStarvesNoShard(t *testing.T) {
	h := newHistory(t, 3, 1<<28, 0)
	out := &narrow{history: h}
	var next uint64
	keep := func() ([16]byte, uint64) { next++; return traceID(next), bitKeep }
	for range 400 {
		h.now += 10
		h.send(8, keep, false)
		out.left = 1
		h.buf.Decide(Round{Now: h.now, Due: h.now}, testPolicy{}, out)
	}
	require.Less(t, h.now-h.buf.Ages().Undecided, int64(400*10*3/4), "the first shard gets all of the room")
}
