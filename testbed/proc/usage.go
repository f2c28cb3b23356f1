package proc

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is Linux's USER_HZ, in which /proc counts CPU time on all architectures Go supports.
const ticksPerSecond = 100

// Usage is what a process has used so far.
type Usage struct {
	// CPU is user and system time of all its threads, System the system time in it; to a hundredth of a second.
	CPU, System time.Duration
	// RSS is its resident memory in bytes, PeakRSS the highest so far.
	RSS, PeakRSS uint64
}

// ReadUsage reads /proc for a process.
func ReadUsage(pid int) (Usage, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Usage{}, err
	}
	cpu, system, err := parseStat(stat)
	if err != nil {
		return Usage{}, fmt.Errorf("cannot read the CPU time of process %d: %w", pid, err)
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return Usage{}, err
	}
	u := Usage{CPU: cpu, System: system}
	for line := range strings.Lines(string(status)) {
		switch name, rest, _ := strings.Cut(line, ":"); name {
		case "VmRSS":
			u.RSS, err = parseKilobytes(rest)
		case "VmHWM":
			u.PeakRSS, err = parseKilobytes(rest)
		}
		if err != nil {
			return Usage{}, fmt.Errorf("cannot read the memory of process %d: %w", pid, err)
		}
	}
	return u, nil
}

// parseStat reads all and system time out of /proc/<pid>/stat: user and system are fields 14 and 15, counted behind the name
// in parentheses, which may hold anything.
func parseStat(stat []byte) (cpu, system time.Duration, err error) {
	_, rest, ok := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	fields := strings.Fields(string(rest))
	if !ok || len(fields) < 13 {
		return 0, 0, fmt.Errorf("%q is not a stat line", stat)
	}
	var ticks [2]uint64
	for i := range ticks {
		if ticks[i], err = strconv.ParseUint(fields[11+i], 10, 64); err != nil {
			return 0, 0, err
		}
	}
	const tick = time.Second / ticksPerSecond
	return time.Duration(ticks[0]+ticks[1]) * tick, time.Duration(ticks[1]) * tick, nil
}

func parseKilobytes(s string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(s), " kB"), 10, 64)
	return n * 1024, err
}

// MachineCPU is how long all cores together have worked and idled since the machine was started.
type MachineCPU struct {
	Busy, Idle time.Duration
}

// ReadMachineCPU reads the first line of /proc/stat. Time stolen by a hypervisor counts as busy.
func ReadMachineCPU() (MachineCPU, error) {
	f, err := os.Open("/proc/stat")
	if err != nil {
		return MachineCPU{}, err
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return MachineCPU{}, err
	}
	fields := strings.Fields(line)
	var m MachineCPU
	// cpu user nice system idle iowait irq softirq steal; guest times after them are part of user and nice.
	for i, field := range fields[1:min(9, len(fields))] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return MachineCPU{}, err
		}
		d := time.Duration(n) * time.Second / ticksPerSecond
		if i == 3 || i == 4 {
			m.Idle += d
		} else {
			m.Busy += d
		}
	}
	return m, nil
}
