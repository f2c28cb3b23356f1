//go:build !unix || race

package offheap

import "unsafe"

// Alloc returns n zeroed bytes of the Go heap, where the race detector sees them, aligned to 8 bytes.
func Alloc(n int) ([]byte, error) {
	words := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n), nil
}

// Free leaves the region to the garbage collector.
func Free([]byte) {}

// Poison overwrites a region that begins a new life, so that a stale reference shows.
func Poison(p []byte) {
	for i := range p {
		p[i] = 0xDB
	}
}
