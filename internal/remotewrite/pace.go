package remotewrite

import "time"

const (
	// paceWindow is how often the number of shards is looked at.
	paceWindow = 10 * time.Second
	// waitingBatches behind a shard's head are more than it keeps up with.
	waitingBatches = 2
	// calmWindows in a row are needed for fewer shards.
	calmWindows = 6
	// calmShare is how busy half as many shards would at most be.
	calmShare = 0.6
)

// pace decides how many shards a route has: twice as many where full batches wait, half as many where they could do
// the work of the last minute with ease.
type pace struct {
	since time.Time
	calm  int // windows in a row
}

func (p *pace) begin(now time.Time) { p.since = now }

// due reports whether a window is over.
func (p *pace) due(now time.Time) bool { return now.Sub(p.since) >= paceWindow || now.Before(p.since) }

// want returns the number of shards for the next window: waiting is the most full batches behind a shard's head, busy the
// time of all shards with a request in flight since the window began.
func (p *pace) want(now time.Time, shards, waiting int, busy time.Duration) int {
	window := now.Sub(p.since)
	p.since = now
	if waiting >= waitingBatches {
		p.calm = 0
		return 2 * shards
	}
	if shards == 1 || waiting > 0 || window <= 0 || float64(busy) > calmShare*float64(window)*float64(shards/2) {
		p.calm = 0
		return shards
	}
	if p.calm++; p.calm < calmWindows {
		return shards
	}
	p.calm = 0
	return (shards + 1) / 2
}
