package red

import (
	"bytes"
	"unsafe"

	"github.com/lightstep/go-expohisto/structure"
)

// table is what a lane counted of a family since the last flush. Open addressing, linear probing, at most three quarters
// full; nothing is ever taken out of it but everything.
type table struct {
	stride  int
	maxSize int32 // of exponential histograms; 0: there are none

	slots   []uint64 // 0, or the upper half of the key's hash and, below it, 1 + the entry's index
	entries []entry
	keys    []byte   // of all entries, one after the other
	cells   []uint64 // of all entries, stride words each
	hists   []structure.Float64
	series  []*series // nil for the entries of resources
}

type entry struct {
	hash   uint64
	at     int // of its key in keys
	length int32
	id     uint32 // the series'
}

const tableSlotsMin = 64

func newTable(stride int, maxSize int32) *table {
	return &table{stride: stride, maxSize: maxSize, slots: make([]uint64, tableSlotsMin)}
}

// find returns the entry of a key, -1 where there is none.
func (t *table) find(hash uint64, key []byte) int {
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := t.slots[i]
		if slot == 0 {
			return -1
		}
		if (slot^hash)>>32 != 0 {
			continue
		}
		e := &t.entries[uint32(slot)-1]
		if bytes.Equal(t.keys[e.at:e.at+int(e.length)], key) {
			return int(uint32(slot) - 1)
		}
	}
}

// insert adds an entry for a key that has none and returns it.
func (t *table) insert(hash uint64, key []byte, s *series) int {
	if 4*(len(t.entries)+1) > 3*len(t.slots) {
		t.grow()
	}
	n := len(t.entries)
	t.entries = append(t.entries, entry{hash: hash, at: len(t.keys), length: int32(len(key))})
	if s != nil {
		t.entries[n].id = s.id
	}
	t.keys = append(t.keys, key...)
	t.cells = appendZeros(t.cells, t.stride)
	t.series = append(t.series, s)
	if t.maxSize > 0 {
		t.addHistogram()
	}
	t.place(hash, n)
	return n
}

// addHistogram appends an empty histogram; one that was cleared is used again with its memory.
func (t *table) addHistogram() {
	if n := len(t.hists); n < cap(t.hists) {
		t.hists = t.hists[:n+1]
	} else {
		t.hists = append(t.hists, structure.Float64{})
	}
	t.hists[len(t.hists)-1].Init(structure.NewConfig(structure.WithMaxSize(t.maxSize)))
}

func (t *table) place(hash uint64, n int) {
	mask := uint64(len(t.slots) - 1)
	i := hash & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = hash&^0xffffffff | uint64(n+1)
}

func (t *table) grow() {
	t.slots = make([]uint64, 2*len(t.slots))
	for n := range t.entries {
		t.place(t.entries[n].hash, n)
	}
}

func (t *table) cell(n int) []uint64 {
	at := n * t.stride
	return t.cells[at : at+t.stride : at+t.stride]
}

// clear empties the table. Its memory is kept, unless it is far more than the given number of entries needs.
func (t *table) clear(entries int) {
	if len(t.slots) > max(tableSlotsMin, 8*entries) {
		*t = *newTable(t.stride, t.maxSize)
		return
	}
	clear(t.slots)
	clear(t.series)
	for i := range t.hists {
		t.hists[i].Clear()
	}
	t.entries, t.keys, t.cells = t.entries[:0], t.keys[:0], t.cells[:0]
	t.hists, t.series = t.hists[:0], t.series[:0]
}

// bytes estimates the memory of the table.
func (t *table) bytes() int64 {
	n := 8*cap(t.slots) + cap(t.entries)*int(unsafe.Sizeof(entry{})) + cap(t.keys) + 8*cap(t.cells) + 8*cap(t.series)
	return int64(n) + int64(len(t.hists))*histogramBytes(t.maxSize)
}

// histogramBytes estimates the memory of an exponential histogram, whose counts take one or two bytes each mostly.
func histogramBytes(maxSize int32) int64 {
	if maxSize == 0 {
		return 0
	}
	return int64(unsafe.Sizeof(structure.Float64{})) + 2*int64(maxSize)
}

func appendZeros(words []uint64, n int) []uint64 {
	at := len(words)
	if at+n > cap(words) {
		return append(words, make([]uint64, n)...)
	}
	words = words[:at+n]
	clear(words[at:])
	return words
}
