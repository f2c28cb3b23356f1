package sampling

import (
	"math/bits"
	"sync/atomic"
)

// others is the entry of the keys that the table has no room for.
const others = 0

// keyTable finds the entry of a key. Rounds, which are serialized, put keys in and take them out; look-ups need no lock. One that
// meets a key on its way out finds a wrong entry, which is not worse than a late answer.
type keyTable struct {
	// keys[e] is the key of entry e, from 1 on.
	keys []atomic.Uint64
	used int // entries in use, others among them
	// index holds entries where their keys' hash or the places behind it point; 0: empty. At most half of it is full.
	index []atomic.Uint32
}

func newKeyTable(keysMax int) keyTable {
	return keyTable{keys: make([]atomic.Uint64, keysMax+1), used: 1, index: make([]atomic.Uint32, 1<<bits.Len(uint(2*keysMax)))}
}

// find returns the entry of a key, or others.
func (t *keyTable) find(key uint64) int {
	e, _ := t.look(key)
	return e
}

// look returns the entry of a key and where the index has it, or others and where it would be put.
func (t *keyTable) look(key uint64) (entry int, at uint64) {
	mask := uint64(len(t.index) - 1)
	for at = key * 0x9E3779B97F4A7C15 >> 32 & mask; ; at = (at + 1) & mask {
		e := int(t.index[at].Load())
		if e == others || t.keys[e].Load() == key {
			return e, at
		}
	}
}

// open returns the entry of a key, a new one where the key has none and there is room, else others.
func (t *keyTable) open(key uint64) int {
	e, at := t.look(key)
	if e != others || t.used == len(t.keys) {
		return e
	}
	e = t.used
	t.used++
	t.keys[e].Store(key)
	t.index[at].Store(uint32(e))
	return e
}

// remove takes out an entry; the last one moves to its place, if it is not the last. reindex has to follow.
func (t *keyTable) remove(e int) (last int) {
	t.used--
	t.keys[e].Store(t.keys[t.used].Load())
	return t.used
}

// reindex finds every entry again.
func (t *keyTable) reindex() {
	for i := range t.index {
		t.index[i].Store(others)
	}
	for e := 1; e < t.used; e++ {
		_, at := t.look(t.keys[e].Load())
		t.index[at].Store(uint32(e))
	}
}
