//go:build !race

package rawgrpc

import (
	"syscall"
	"unsafe"
)

// readFD and writeFD read and write a socket that never blocks, without telling Go's scheduler of it. To tell it, as
// syscall.Read does, wakes the runtime's monitor thread each time the process was idle, which then naps 20 µs at a time while
// anything runs: at a moderate load that was a sixth of all CPU. The race detector has to be told.
func readFD(fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	return result(n, errno)
}

func writeFD(fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	return result(n, errno)
}

func result(n uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
