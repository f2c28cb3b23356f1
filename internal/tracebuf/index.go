package tracebuf

import (
	"unsafe"

	"github.com/otelcol-slo/otelcol-slo/internal/offheap"
)

// index maps a 32-bit tag of a trace's hash to ring positions: open addressing with linear probing, 8 bytes an entry,
//
//	| tag (32 bits, never 0) | position (32 bits) |   0: empty
//
// The home slot is taken from the tag itself, so that growing and deleting never read a record. Tags are not unique: the
// caller compares trace ids.
type index struct {
	region  []byte
	entries []uint64
	mask    uint32
	count   int
	budget  *Budget
}

const indexMin = 1 << 10

func tagOf(hash uint64) uint32 { return max(uint32(hash), 1) }

func newIndex(b *Budget) (index, error) {
	x := index{budget: b}
	err := x.resize(indexMin)
	return x, err
}

func (x *index) resize(n int) error {
	region, err := offheap.Alloc(n * 8)
	if err != nil {
		return err
	}
	x.budget.Take(UseTable, int64(n*8))
	old, oldRegion := x.entries, x.region
	x.region = region
	x.entries = unsafe.Slice((*uint64)(unsafe.Pointer(&region[0])), n)
	x.mask = uint32(n - 1)
	for _, e := range old {
		if e != 0 {
			x.place(e)
		}
	}
	if oldRegion != nil {
		offheap.Free(oldRegion)
		x.budget.Give(UseTable, int64(len(oldRegion)))
	}
	return nil
}

func (x *index) place(e uint64) {
	i := uint32(e>>32) & x.mask
	for x.entries[i] != 0 {
		i = (i + 1) & x.mask
	}
	x.entries[i] = e
}

// add enters a position. Where the system gives no memory to grow, the index goes on fuller, up to its last free slot.
func (x *index) add(tag, position uint32) error {
	if x.count*4 >= len(x.entries)*3 {
		if err := x.resize(len(x.entries) * 2); err != nil && x.count+1 >= len(x.entries) {
			return err
		}
	}
	x.count++
	x.place(uint64(tag)<<32 | uint64(position))
	return nil
}

// remove takes a position out by shifting back the entries that probed past it.
func (x *index) remove(tag, position uint32) {
	want := uint64(tag)<<32 | uint64(position)
	i := tag & x.mask
	for x.entries[i] != want {
		if x.entries[i] == 0 {
			return
		}
		i = (i + 1) & x.mask
	}
	x.count--
	for j := (i + 1) & x.mask; x.entries[j] != 0; j = (j + 1) & x.mask {
		home := uint32(x.entries[j]>>32) & x.mask
		if (j-home)&x.mask >= (j-i)&x.mask { // the entry may move to i without leaving its probe path
			x.entries[i] = x.entries[j]
			i = j
		}
	}
	x.entries[i] = 0
}

// shrink gives memory back when the index is nearly empty.
func (x *index) shrink() {
	if n := len(x.entries); n > indexMin && x.count*8 < n {
		_ = x.resize(n / 2) // keeping the larger one is no harm
	}
}

func (x *index) close() {
	offheap.Free(x.region)
	x.budget.Give(UseTable, int64(len(x.region)))
	x.region, x.entries = nil, nil
}
