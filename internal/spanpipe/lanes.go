package spanpipe

import (
	"sync"
	"time"
)

// lanes are those that no request occupies. The one that was used last is taken first: what it works on is still in the
// processor's caches, and at a moderate load it is the only one.
type lanes struct {
	mu   sync.Mutex
	free []*lane
	came sync.Cond
	// refusing: who finds none does not wait.
	refusing bool
}

func newLanes(all []*lane) *lanes {
	l := &lanes{free: append([]*lane(nil), all...)}
	l.came.L = &l.mu
	return l
}

// take waits until there is one, and returns nil where nobody is to wait any longer.
func (l *lanes) take() *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.free) == 0 {
		if l.refusing {
			return nil
		}
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

// refuseAfter lets nobody wait any longer when a time has passed, until stop is called.
func (l *lanes) refuseAfter(wait time.Duration) (stop func()) {
	stopped := false // protected by mu
	timer := time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.refusing = !stopped
		l.came.Broadcast()
	})
	return func() {
		timer.Stop()
		l.mu.Lock()
		defer l.mu.Unlock()
		stopped, l.refusing = true, false
	}
}
