package otlpsloreceiver

import (
	"math"
	"runtime/debug"
)

// goLimit sets the Go runtime's soft memory limit, which is the process's. A limit that somebody set before, with
// GOMEMLIMIT say, stays where it is lower.
type goLimit struct {
	before int64
	isSet  bool
}

func (g *goLimit) inUse() int64 { return debug.SetMemoryLimit(-1) }

func (g *goLimit) set(limit int64) {
	if before := g.inUse(); limit < before {
		debug.SetMemoryLimit(limit)
		g.before, g.isSet = before, true
	}
}

func (g *goLimit) restore() {
	if g.isSet {
		debug.SetMemoryLimit(min(g.before, math.MaxInt64))
		g.isSet = false
	}
}
