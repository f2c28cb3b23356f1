package coverage

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// spanIndex finds the spans of a trace by their ids. It is used again for trace after trace.
type spanIndex struct {
	spans []Span
	slots []int32 // 1 + a span; 0: free
	shift uint
	// factor is odd and nobody outside knows it, so that no sender can choose ids that meet.
	factor uint64
}

func newSpanIndex() spanIndex { return spanIndex{factor: rand.Uint64() | 1} }

// build makes it the index of a trace.
func (x *spanIndex) build(spans []Span) {
	size := 1 << bits.Len(uint(2*len(spans)))
	if size > cap(x.slots) {
		x.slots = make([]int32, size)
	}
	x.slots = x.slots[:size]
	clear(x.slots)
	x.spans, x.shift = spans, uint(64-bits.TrailingZeros(uint(size)))
	for i := range spans {
		at := x.home(&spans[i].ID)
		for x.slots[at] != 0 && spans[x.slots[at]-1].ID != spans[i].ID {
			at = (at + 1) & (size - 1)
		}
		if x.slots[at] == 0 { // of several spans with one id the first is found, as before
			x.slots[at] = int32(i + 1)
		}
	}
}

// find returns a span with the id, -1 where the trace has none.
func (x *spanIndex) find(id *[8]byte) int {
	for at := x.home(id); x.slots[at] != 0; at = (at + 1) & (len(x.slots) - 1) {
		if i := int(x.slots[at] - 1); x.spans[i].ID == *id {
			return i
		}
	}
	return -1
}

func (x *spanIndex) home(id *[8]byte) int {
	return int(binary.LittleEndian.Uint64(id[:]) * x.factor >> x.shift)
}
