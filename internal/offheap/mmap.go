//go:build unix && !race

package offheap

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the size of a large page of the processor: regions of at least that size are aligned to it and, on Linux,
// ask for large pages, which saves most of the address translations of random access.
const hugePage = 2 << 20

// Alloc returns n zeroed bytes outside the Go heap, aligned to a page.
func Alloc(n int) ([]byte, error) {
	slack := 0
	if n >= hugePage {
		slack = hugePage
	}
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(n+slack), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("cannot map %d bytes: %w", n, err)
	}
	if slack == 0 {
		return unsafe.Slice((*byte)(p), n), nil
	}
	before := int(-uintptr(p) & (hugePage - 1))
	after := pages(slack - before)
	if before > 0 {
		_ = unix.MunmapPtr(p, uintptr(before))
	}
	region := unsafe.Slice((*byte)(unsafe.Add(p, before)), n)
	if end := unsafe.Add(p, before+pagesUp(n)); after > 0 {
		_ = unix.MunmapPtr(end, uintptr(after))
	}
	adviseHuge(region)
	return region, nil
}

// Free gives a region back to the system. It fails only for what was not a region, which is a defect; the memory
// is then kept, which is the lesser harm.
func Free(p []byte) {
	_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(p)), uintptr(len(p)))
}

// Poison does nothing here: under the race detector it overwrites a region that begins a new life, so that a stale
// reference shows.
func Poison([]byte) {}

func pages(n int) int   { return n &^ (unix.Getpagesize() - 1) }
func pagesUp(n int) int { return pages(n + unix.Getpagesize() - 1) }
