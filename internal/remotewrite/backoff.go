package remotewrite

import (
	"math"
	"time"
)

// Backoff says how long to wait before a request is sent again.
type Backoff struct {
	Initial    time.Duration // before the first retry
	Max        time.Duration // grows no further; 0: as Initial
	Multiplier float64       // growth a retry; below 1: none
	Jitter     float64       // share of the wait that it may be longer or shorter by, 0 to 1
}

// Delay returns the wait before a retry, the first being 1. random is evenly spread over [0, 1).
func (b Backoff) Delay(retry int, random float64) time.Duration {
	initial := max(b.Initial, time.Millisecond) // a wait of nothing would keep the endpoint busy for nothing
	limit := float64(max(initial, b.Max))
	delay := float64(initial) * math.Pow(max(b.Multiplier, 1), float64(retry-1))
	delay = min(delay, limit)
	return time.Duration(delay * (1 + b.Jitter*(2*random-1)))
}
