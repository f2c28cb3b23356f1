package spanview

import "fmt"

// keyIndex maps attribute keys to slots. Most keys of a span are wanted by nobody, so the miss must be cheap: a key
// is first looked up in a table of 256 chains by its length and last two bytes, and compared only where a chain is there.
type keyIndex struct {
	keys []string
	// first[h] is 1 + the first slot of chain h, 0 where the chain is empty; next[slot] continues it likewise.
	first [256]uint8
	next  [MaxSlots]uint8
}

func keyHash(last2, last byte, n int) uint8 {
	return uint8(n)*31 ^ last*7 ^ last2*13
}

func hashOf(key []byte) uint8 {
	n := len(key)
	if n < 2 {
		return keyHash(0, 0, n)
	}
	return keyHash(key[n-2], key[n-1], n)
}

func (x *keyIndex) add(key string) (int, error) {
	if i := x.lookup([]byte(key)); i >= 0 {
		return i, nil
	}
	if len(x.keys) >= MaxSlots {
		return 0, fmt.Errorf("at most %d different keys can be asked for: remove dimensions, policies or conditions", MaxSlots)
	}
	slot := len(x.keys)
	x.keys = append(x.keys, key)
	h := hashOf([]byte(key))
	x.next[slot] = x.first[h]
	x.first[h] = uint8(slot + 1)
	return slot, nil
}

func (x *keyIndex) lookup(key []byte) int {
	for c := x.first[hashOf(key)]; c != 0; c = x.next[c-1] {
		if x.keys[c-1] == string(key) {
			return int(c - 1)
		}
	}
	return -1
}

// mayHold is false for most keys that are not in the index, and true for all that are. Unlike lookup it is inlined.
func (x *keyIndex) mayHold(key []byte) bool { return x.first[hashOf(key)] != 0 }
