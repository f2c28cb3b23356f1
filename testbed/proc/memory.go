package proc

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// TouchMemory writes to every page of n bytes of fresh memory and gives them back. In a virtual machine a page that was
// never used before costs a fault of the host as well, many times as much as one of the guest; whoever measures wants
// that to have happened.
func TouchMemory(n uint64) error {
	b, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("cannot map %d bytes: %w", n, err)
	}
	// Without large pages this takes longer, no more.
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i] = 1
	}
	return unix.Munmap(b)
}

// AvailableMemory is how many bytes programs may still take without anything being swapped out.
func AvailableMemory() (uint64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			return parseKilobytes(rest)
		}
	}
	return 0, fmt.Errorf("/proc/meminfo does not say what is available")
}
