//go:build unix && !race

package offheap

import (
	"fmt"
	"syscall"
)

// Alloc returns n zeroed bytes outside the Go heap, aligned to a page.
func Alloc(n int) ([]byte, error) {
	p, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("cannot map %d bytes: %w", n, err)
	}
	return p, nil
}

// Free gives a region back to the system. It fails only for what was not a region, which is a defect; the memory
// is then kept, which is the lesser harm.
func Free(p []byte) { _ = syscall.Munmap(p) }

// Poison does nothing here: under the race detector it overwrites a region that begins a new life, so that a stale
// reference shows.
func Poison([]byte) {}
