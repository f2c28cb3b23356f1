package sink

import (
	"sync/atomic"
	"time"
)

// Fault is how a sink misbehaves; the zero value does not.
type Fault struct {
	// Delay is how long every request waits before it is answered.
	Delay time.Duration
	// Refuse answers every request with a retryable refusal, after its delay, and takes nothing of it.
	Refuse bool
	// RetryAfter is the wait that a refusal asks for; 0: it does not ask.
	RetryAfter time.Duration
	// Permanent makes a refusal one that must not be retried.
	Permanent bool
}

// faults holds a sink's present fault.
type faults struct {
	current atomic.Pointer[Fault]
	refused atomic.Uint64
}

// SetFault replaces the present fault.
func (f *faults) SetFault(fault Fault) { f.current.Store(&fault) }

// Refused is the number of requests refused by faults.
func (f *faults) Refused() uint64 { return f.refused.Load() }

// enter waits as long as the fault says and returns it.
func (f *faults) enter() Fault {
	fault := f.current.Load()
	if fault == nil {
		return Fault{}
	}
	if fault.Delay > 0 {
		time.Sleep(fault.Delay)
	}
	if fault.Refuse {
		f.refused.Add(1)
	}
	return *fault
}
