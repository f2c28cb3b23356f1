//go:build unix

package spantest

import (
	"syscall"
	"time"
)

// CPU returns the processor time that this process has used. Beside a clock it tells a benchmark's own cost from what it
// waited for on a busy machine.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
