package tracebuf

import (
	"unsafe"

	"github.com/otelcol-slo/otelcol-slo/internal/offheap"
)

const (
	recordSize     = int(unsafe.Sizeof(Record{}))
	pageRecordBits = 11
	pageRecords    = 1 << pageRecordBits
	pageSize       = pageRecords * recordSize
)

// ring is a queue of records in pages. Positions count up and wrap at 2^32; a record stays where it is until it is popped.
type ring struct {
	budget *Budget
	pages  [][]byte // of records from oldest &^ (pageRecords-1) on
	// spare pages wait to be used again; spareLow is the least number of them since the last trim.
	spare    [][]byte
	spareLow int
	// Invariant: oldest <= decide <= next, as distances from oldest.
	oldest uint32 // the first record in the ring
	decide uint32 // the first undecided record
	next   uint32 // where the next record goes
}

func (r *ring) len() int { return int(r.next - r.oldest) }

// pageOf returns which of the pages a position lies in.
func (r *ring) pageOf(position uint32) uint32 {
	return (position>>pageRecordBits - r.oldest>>pageRecordBits) & (1<<(32-pageRecordBits) - 1)
}

// at returns the record at a position in [oldest, next).
func (r *ring) at(position uint32) *Record {
	slot := int(position & (pageRecords - 1))
	return (*Record)(unsafe.Pointer(&r.pages[r.pageOf(position)][slot*recordSize]))
}

// undecided returns the record that is, or was, at a position; nil where it is decided or gone.
func (r *ring) undecided(position uint32) *Record {
	if position-r.oldest >= r.next-r.oldest {
		return nil
	}
	if rec := r.at(position); rec.State == Undecided {
		return rec
	}
	return nil
}

// push appends a cleared record.
func (r *ring) push() (uint32, *Record, error) {
	if int(r.pageOf(r.next)) == len(r.pages) {
		if err := r.addPage(); err != nil {
			return 0, nil, err
		}
	}
	position := r.next
	r.next++
	rec := r.at(position)
	*rec = Record{}
	return position, rec, nil
}

func (r *ring) addPage() error {
	if n := len(r.spare); n > 0 {
		r.pages = append(r.pages, r.spare[n-1])
		r.spare = r.spare[:n-1]
		r.spareLow = min(r.spareLow, n-1)
		return nil
	}
	page, err := offheap.Alloc(pageSize)
	if err != nil {
		return err
	}
	r.budget.Take(UseTable, int64(pageSize))
	r.pages = append(r.pages, page)
	return nil
}

// pop removes the oldest record.
func (r *ring) pop() {
	r.oldest++
	if r.oldest&(pageRecords-1) == 0 {
		r.dropPage()
	}
}

func (r *ring) dropPage() {
	r.spare = append(r.spare, r.pages[0])
	r.pages[0] = nil
	r.pages = r.pages[1:]
}

// trim gives those spare pages back to the system that were not needed since the last trim.
func (r *ring) trim() {
	for range r.spareLow {
		r.free(r.spare[len(r.spare)-1])
		r.spare = r.spare[:len(r.spare)-1]
	}
	r.spareLow = len(r.spare)
}

func (r *ring) free(page []byte) {
	offheap.Free(page)
	r.budget.Give(UseTable, int64(pageSize))
}

func (r *ring) close() {
	for _, p := range append(r.pages, r.spare...) {
		r.free(p)
	}
	r.pages, r.spare, r.spareLow = nil, nil, 0
}
