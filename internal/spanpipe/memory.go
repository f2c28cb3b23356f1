package spanpipe

import (
	"fmt"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const mib = 1 << 20

// MemoryLimits are the two bounds of the process's memory, in bytes. Together with the program's own pages they stay
// within limit_mib and a quarter, from limit_mib 256 on.
type MemoryLimits struct {
	// Buffers is the budget of everything the engine holds, outside the Go heap for the most part: limit_mib, less what
	// a small limit's quarter can't take of the rest.
	Buffers int64
	// Go is the soft limit for the Go runtime.
	Go int64
}

const (
	// programPages is what is resident of the binary itself, measured.
	programPages = 88 * mib
	// goLimitMin is what the Go heap needs under load, measured.
	goLimitMin = 96 * mib
)

func memoryLimits(limit int64) MemoryLimits {
	goLimit := max(limit/4-programPages, goLimitMin)
	buffers := min(limit, limit+limit/4-programPages-goLimit)
	return MemoryLimits{Buffers: max(buffers, limit/2), Go: goLimit}
}

// Resolve turns the configured limit into bytes: 0 becomes half of the cgroup's limit or of the machine's memory.
func (c *MemoryConfig) Resolve() (MemoryLimits, error) {
	if c.LimitMiB != 0 {
		return c.withOthers(memoryLimits(c.LimitMiB * mib)), nil
	}
	total, err := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)()
	if err != nil {
		return MemoryLimits{}, fmt.Errorf("cannot find out how much memory there is, set memory.limit_mib: %w", err)
	}
	return c.withOthers(memoryLimits(max(int64(total/2), memoryLimitMinMiB*mib))), nil
}

func (c *MemoryConfig) withOthers(l MemoryLimits) MemoryLimits {
	l.Go += c.OthersMiB * mib
	return l
}
