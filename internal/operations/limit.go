package operations

import (
	"math"
	"sync/atomic"
)

// Limit is the duration from which on a span is slow for its operation: more than Factor times the operation's quantile, and at
// least a floor. An operation of which too few durations are known has none.
type Limit struct {
	rule LimitRule
	// atLeast has the limit of every number in nanoseconds, [noLimit] where there is none.
	atLeast []atomic.Uint64
	known   bool // it was calculated once
}

// LimitRule says how a limit is drawn.
type LimitRule struct {
	Quantile float64 // above 0, below 1
	Factor   float64
	Floor    uint64 // nanoseconds
	// MinCount is the weight that an operation's durations must have together.
	MinCount float64
}

const noLimit = math.MaxUint64

// NewLimit returns a limit on the operations of a table of at most so many.
func NewLimit(rule LimitRule, operations int) *Limit {
	l := &Limit{rule: rule, atLeast: make([]atomic.Uint64, operations+1)}
	for i := range l.atLeast {
		l.atLeast[i].Store(noLimit)
	}
	return l
}

// Reached tells whether a duration in nanoseconds is slow for an operation.
func (l *Limit) Reached(number uint32, duration uint64) bool {
	return int(number) < len(l.atLeast) && duration >= l.atLeast[number].Load()
}

func (l *Limit) set(number uint32, h *histogram) {
	if int(number) >= len(l.atLeast) {
		return
	}
	at := uint64(noLimit)
	if h != nil && float64(h.total) >= l.rule.MinCount {
		at = max(uint64(l.rule.Factor*h.quantile(l.rule.Quantile))+1, l.rule.Floor)
	}
	l.atLeast[number].Store(at)
}
