package operations

import "sync"

// Lane is how one goroutine at a time sees a table.
type Lane struct {
	table *Table

	mu sync.Mutex // protects all below
	// slots are an open-addressing table of numbers by hash, at most half full; what is in it is in the table.
	slots    []slot
	used     int
	overflow uint64
	// log has what was seen and is not in the table yet: number and bucket.
	log  [logSize]uint32
	seen int

	_ [64]byte // lanes don't share cache lines
}

type slot struct {
	hash   uint64 // 0: the slot is free
	number uint32
	// fresh: its first traces are being noted, as far as the lane knows.
	fresh bool
}

const (
	slotsMin = 256
	logSize  = 4096
)

// NewLane returns another lane of the table.
func (t *Table) NewLane() *Lane {
	l := &Lane{table: t, slots: make([]slot, slotsMin)}
	t.lanesMu.Lock()
	defer t.lanesMu.Unlock()
	t.lanes = append(t.lanes, l)
	return l
}

// Of tells whether the lane is one of the table.
func (l *Lane) Of(t *Table) bool { return l != nil && l.table == t }

// Begin has to be called before a batch of spans, and End after it.
func (l *Lane) Begin() { l.mu.Lock() }

// End ends what Begin began.
func (l *Lane) End() { l.mu.Unlock() }

// Find returns the number of the operation with a hash, which must not be 0; the number is 0 for one that there is no room for. It is good
// until End. fresh: Place has to be asked.
func (l *Lane) Find(hash uint64) (number uint32, fresh bool) {
	mask := uint64(len(l.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch s := &l.slots[i]; s.hash {
		case hash:
			return s.number, s.fresh
		case 0:
			return l.miss(hash)
		}
	}
}

func (l *Lane) miss(hash uint64) (number uint32, fresh bool) {
	if l.table.full.Load() {
		number, fresh = l.table.index[hash], true // Place will tell
	} else {
		number, fresh = l.table.intern(hash)
	}
	if number == 0 {
		l.overflow++
		return 0, false
	}
	if 2*(l.used+1) > len(l.slots) {
		l.grow()
	}
	l.insert(slot{hash: hash, number: number, fresh: fresh})
	return number, fresh
}

func (l *Lane) grow() {
	old := l.slots
	l.slots, l.used = make([]slot, 2*len(old)), 0
	for _, s := range old {
		if s.hash != 0 {
			l.insert(s)
		}
	}
}

func (l *Lane) insert(s slot) {
	mask := uint64(len(l.slots) - 1)
	i := s.hash & mask
	for l.slots[i].hash != 0 {
		i = (i + 1) & mask
	}
	l.slots[i] = s
	l.used++
}

// Place returns the place of a trace among the first traces of a fresh operation, from 0, or -1 where it is none of them; and how
// old the table was when the operation came, in milliseconds.
func (l *Lane) Place(hash uint64, number uint32, id *[16]byte) (place int, age int64) {
	place, age, known := l.table.place(number, id)
	if known {
		mask := uint64(len(l.slots) - 1)
		i := hash & mask
		for l.slots[i].hash != hash {
			i = (i + 1) & mask
		}
		l.slots[i].fresh = false
	}
	return place, age
}

// Note notes a span of an operation and how long it took, in nanoseconds.
func (l *Lane) Note(number uint32, duration uint64) {
	if number == 0 {
		return
	}
	l.log[l.seen] = number<<bucketBits | uint32(bucketOf(duration))
	if l.seen++; l.seen == logSize {
		l.drain()
	}
}

// bucketBits hold a bucket.
const bucketBits = 8

// drain adds the log to the table.
func (l *Lane) drain() {
	t := l.table
	t.overflow.Add(l.overflow)
	l.overflow = 0
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, seen := range l.log[:l.seen] {
		e := &t.entries[seen>>bucketBits]
		e.seen = t.now
		if !t.options.Durations {
			continue
		}
		if e.durations == nil {
			e.durations = new(histogram)
		}
		e.durations.add(uint8(seen))
	}
	l.seen = 0
}
