package spanview

import (
	"encoding/binary"
	"fmt"
)

// KeyIndex maps attribute keys to slots. Most keys of a span are wanted by nobody, so the miss must be cheap: a key
// is first looked up in a table of 512 chains by its length and last four bytes, and compared only where a chain is there.
type KeyIndex struct {
	keys []string
	// first[h] is 1 + the first slot of chain h, 0 where the chain is empty; next[slot] continues it likewise.
	first [1 << keyHashBits]uint8
	next  [MaxSlots]uint8
}

const keyHashBits = 9

// KeyTailSize is how many bytes at the end of a key [KeyIndex.Chain] asks for.
const KeyTailSize = 4

// keyHash mixes by multiplication: keys that differ in a few bits, as "server.port" and "server.address" do in their
// lengths, still come to different chains.
func keyHash(tail uint32, n int) uint32 {
	return (tail ^ uint32(n)<<7) * 0x9E3779B1 >> (32 - keyHashBits)
}

func hashOf(key []byte) uint32 {
	if len(key) < KeyTailSize {
		return keyHash(0, len(key))
	}
	return keyHash(binary.LittleEndian.Uint32(key[len(key)-KeyTailSize:]), len(key))
}

func (x *KeyIndex) add(key string) (int, error) {
	if i := x.Lookup([]byte(key)); i >= 0 {
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

// Lookup returns the slot of a key, or -1. It does not allocate and does not keep the key.
func (x *KeyIndex) Lookup(key []byte) int { return x.Find(Chain(x.first[hashOf(key)]), key) }

// Chain is where the look-up of a key begins; 0: the key is not in the index.
type Chain uint8

// Chain is the first half of [KeyIndex.Lookup], which mostly is all of it, for a key of n bytes of which tail are the last
// four, the first of them lowest. It is inlined.
func (x *KeyIndex) Chain(tail uint32, n int) Chain { return Chain(x.first[keyHash(tail, n)]) }

// Find is the second half of [KeyIndex.Lookup].
func (x *KeyIndex) Find(c Chain, key []byte) int {
	for ; c != 0; c = Chain(x.next[c-1]) {
		if x.keys[c-1] == string(key) {
			return int(c - 1)
		}
	}
	return -1
}
