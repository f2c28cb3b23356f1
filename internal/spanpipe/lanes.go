package spanpipe

import "sync"

// lanes are those that no request occupies. The one that was used last is taken first: what it works on is still in the
// processor's caches, and at a moderate load it is the only one.
type lanes struct {
	mu   sync.Mutex
	free []*lane
	came sync.Cond
}

func newLanes(all []*lane) *lanes {
	l := &lanes{free: append([]*lane(nil), all...)}
	l.came.L = &l.mu
	return l
}

// take waits until there is one.
func (l *lanes) take() *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.free) == 0 {
		l.came.Wait()
	}
	last := len(l.free) - 1
	taken := l.free[last]
	l.free = l.free[:last]
	return taken
}

func (l *lanes) give(back *lane) {
	l.mu.Lock()
	l.free = append(l.free, back)
	l.mu.Unlock()
	l.came.Signal()
}
