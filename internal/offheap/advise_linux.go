//go:build !race

package offheap

import "golang.org/x/sys/unix"

// adviseHuge asks for large pages; a system without them answers with an error that changes nothing.
func adviseHuge(p []byte) { _ = unix.Madvise(p, unix.MADV_HUGEPAGE) }
