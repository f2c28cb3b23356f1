package report

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// Machine says when and where a figure is measured, in one line.
func Machine(now time.Time) string {
	return fmt.Sprintf("%s, %d cores of %s, Linux %s, %s", now.UTC().Format("2006-01-02"), runtime.NumCPU(),
		firstValue("/proc/cpuinfo", "model name"), kernel(), runtime.Version())
}

func firstValue(path, key string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func kernel() string {
	data, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(data))
}
