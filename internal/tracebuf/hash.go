package tracebuf

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// seed makes the hash of trace ids unpredictable, so that no sender can aim at one shard or chain.
type seed struct{ a, b, c uint64 }

func newSeed() seed { return seed{rand.Uint64() | 1, rand.Uint64() | 1, rand.Uint64() | 1} }

// sum hashes a trace id by two folded 128-bit products. The upper bits choose the shard, the lower ones the index slot.
func (s seed) sum(id *[16]byte) uint64 {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(id[:8])^s.a, binary.LittleEndian.Uint64(id[8:])^s.b)
	hi, lo = bits.Mul64(hi^lo^s.c, 0x9E3779B97F4A7C15)
	return hi ^ lo
}
