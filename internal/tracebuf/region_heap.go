//go:build !unix || race

package tracebuf

import "unsafe"

// allocRegion returns n zeroed bytes of the Go heap, where the race detector sees them, aligned to 8 bytes.
func allocRegion(n int) ([]byte, error) {
	words := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n), nil
}

func freeRegion([]byte) {}

func poison(p []byte) {
	for i := range p {
		p[i] = 0xDB
	}
}
