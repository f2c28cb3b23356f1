package spanpipe

import (
	"fmt"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const mib = 1 << 20

// MemoryLimits are the two bounds of the process's memory, in bytes.
type MemoryLimits struct {
	// Buffers is the budget of everything the engine holds, outside the Go heap for the most part.
	Buffers int64
	// Go is the soft limit for the Go runtime: a quarter of Buffers, so that both together stay within Buffers + 25 %.
	Go int64
}

const goLimitMin = 128 * mib

// Resolve turns the configured limit into bytes: 0 becomes half of the cgroup's limit or of the machine's memory.
func (c *MemoryConfig) Resolve() (MemoryLimits, error) {
	buffers := c.LimitMiB * mib
	if buffers == 0 {
		total, err := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)()
		if err != nil {
			return MemoryLimits{}, fmt.Errorf("cannot find out how much memory there is, set memory.limit_mib: %w", err)
		}
		buffers = max(int64(total/2), memoryLimitMinMiB*mib)
	}
	return MemoryLimits{Buffers: buffers, Go: max(buffers/4, goLimitMin)}, nil
}
