package slo

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// parentRule says which parents a request may have.
type parentRule uint8

const (
	parentOutside parentRule = iota
	parentNone
	parentAny
)

var parentRules = map[string]parentRule{"": parentOutside, "outside": parentOutside, "none": parentNone, "any": parentAny}

// place is where a span's parent is.
type place uint8

const (
	// placeAbsent: the span has no parent.
	placeAbsent place = iota + 1
	// placeOutside: the parent is in another process, by the span's flags or because it is seen to be.
	placeOutside
	// placeUnknown: the flags don't say, and the parent is not in the request.
	placeUnknown
	// placeInside: the parent is in the same process.
	placeInside
)

// allows reports whether a span whose parent is there may be a request. What is unknown is allowed: SERVER and CONSUMER
// spans are by their definition the callee's side of a remote call.
func (r parentRule) allows(p place) bool {
	switch r {
	case parentAny:
		return true
	case parentNone:
		return p == placeAbsent
	}
	return p != placeInside
}

// parentIndex finds the spans of one batch by trace and span id. It is filled when the first span needs it: flags answer
// the question for every SDK that sends them.
type parentIndex struct {
	table  []uint32 // 1 + index of the span, 0: free; a power of two, at least twice the spans
	shift  uint
	seeds  [3]uint64 // random: span ids are chosen by clients
	filled bool
}

func newParentIndex() parentIndex {
	return parentIndex{seeds: [3]uint64{rand.Uint64() | 1, rand.Uint64() | 1, rand.Uint64() | 1}}
}

func (x *parentIndex) reset() { x.filled = false }

func (x *parentIndex) slot(trace *[16]byte, span *[8]byte) uint64 {
	h := binary.LittleEndian.Uint64(span[:])*x.seeds[0] +
		binary.LittleEndian.Uint64(trace[:8])*x.seeds[1] + binary.LittleEndian.Uint64(trace[8:])*x.seeds[2]
	return h >> x.shift
}

func (x *parentIndex) fill(b *spanview.Batch) {
	size := 1 << bits.Len(uint(2*len(b.Spans)))
	if cap(x.table) < size {
		x.table = make([]uint32, size)
	}
	x.table = x.table[:size]
	clear(x.table)
	x.shift = uint(64 - bits.TrailingZeros(uint(size)))
	x.filled = true
	mask := uint64(size - 1)
	for i := range b.Spans {
		s := &b.Spans[i]
		at := x.slot(&s.TraceID, &s.SpanID)
		for x.table[at] != 0 {
			// A repeated id is entered once: a client that repeats one id must not make the table a list.
			if other := &b.Spans[x.table[at]-1]; other.SpanID == s.SpanID && other.TraceID == s.TraceID {
				break
			}
			at = (at + 1) & mask
		}
		if x.table[at] == 0 {
			x.table[at] = uint32(i + 1)
		}
	}
}

// find returns the index of the span's parent in the batch, or -1.
func (x *parentIndex) find(b *spanview.Batch, s *spanview.Span) int {
	if !x.filled {
		x.fill(b)
	}
	mask := uint64(len(x.table) - 1)
	for at := x.slot(&s.TraceID, &s.ParentID); x.table[at] != 0; at = (at + 1) & mask {
		i := int(x.table[at] - 1)
		if p := &b.Spans[i]; p.SpanID == s.ParentID && p.TraceID == s.TraceID {
			return i
		}
	}
	return -1
}

// parentPlace says where a span's parent is. Flags are exact. Without them a parent in the same request answers: one of
// another service is outside, and so is one of kind CLIENT or PRODUCER, which ends in a remote call even where a service
// calls itself.
func (x *parentIndex) parentPlace(b *spanview.Batch, s *spanview.Span, service spanview.ResourceSlot) place {
	if s.ParentID == [8]byte{} {
		return placeAbsent
	}
	if s.Flags&spanview.FlagHasIsRemote != 0 {
		if s.Flags&spanview.FlagIsRemote != 0 {
			return placeOutside
		}
		return placeInside
	}
	i := x.find(b, s)
	if i < 0 {
		return placeUnknown
	}
	parent := &b.Spans[i]
	if parent.Kind == spanview.KindClient || parent.Kind == spanview.KindProducer {
		return placeOutside
	}
	if parent.Resource != s.Resource &&
		b.ResourceValue(int(parent.Resource), service).Str != b.ResourceValue(int(s.Resource), service).Str {
		return placeOutside
	}
	return placeInside
}
