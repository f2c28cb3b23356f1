package spantest

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Template is an encoded request whose trace ids can be replaced in place.
type Template struct {
	Request []byte
	// ids are the offsets of every trace id, traces[i] the number of the id's trace within the request.
	ids    []int
	traces []int
	count  int
}

// NewTemplate finds the trace ids of a request made by pdata, which writes them first in every span.
func NewTemplate(request []byte, ids [][16]byte) *Template {
	t := &Template{Request: request, count: len(ids)}
	for n, id := range ids {
		for from := 0; ; {
			i := bytes.Index(request[from:], id[:])
			if i < 0 {
				break
			}
			t.ids = append(t.ids, from+i)
			t.traces = append(t.traces, n)
			from += i + len(id)
		}
	}
	return t
}

// Patch writes trace ids into a copy of the request, new ones for each round.
func (t *Template) Patch(request []byte, round uint64) { t.PatchSpread(request, round, 0) }

// PatchSpread does so for traces whose spans come so many rounds apart; 0: all in one.
func (t *Template) PatchSpread(request []byte, round, apart uint64) {
	born := round
	for i, at := range t.ids {
		if i > 0 && t.traces[i] == t.traces[i-1] {
			born -= apart // the second span of traces whose first one came that much earlier
		} else {
			born = round
		}
		hi, lo := bits.Mul64(born*uint64(t.count)+uint64(t.traces[i])+1, 0x9E3779B97F4A7C15)
		binary.LittleEndian.PutUint64(request[at:], hi^lo)
		binary.LittleEndian.PutUint64(request[at+8:], lo*0xD6E8FEB86659FD93)
	}
}
