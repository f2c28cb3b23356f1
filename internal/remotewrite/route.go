package remotewrite

import "time"

// route is what goes out with the same headers. It has at least one generation.
type route struct {
	queue       *Queue
	headers     Headers
	generations []*generation // oldest first; the last one takes series in
	used        time.Time     // when a payload came last
	pace        pace
}

// generation is a number of shards that a series' key chooses from. Its shards send only when those of the generation
// before are empty: a series may have moved from any of them to any of these.
type generation struct {
	number uint32
	shards []*Shard
	closed bool // takes no series in
	left   int  // shards that are not retired
}

// idleAfter is how long a route or a shard's memory is kept without use.
const idleAfter = 5 * time.Minute

// route returns the route of some headers, open to series; nil where there are too many others.
func (q *Queue) route(h Headers, now time.Time) *route {
	r := q.routes[h]
	if r == nil || r.newest().closed {
		if q.openRoutes() >= q.config.MaxRoutes && !q.makeWay() {
			return nil
		}
		if r == nil {
			r = &route{queue: q, headers: h}
			q.routes[h] = r
		}
		r.pace.begin(now)
		q.generations++
		r.open(q.generations, q.config.MinShards)
	}
	r.used = now
	return r
}

// makeWay closes the route that was not used for longest and has nothing. It reports false where all have something.
func (q *Queue) makeWay() bool {
	var oldest *route
	for _, r := range q.routes {
		if r.empty() && !r.newest().closed && (oldest == nil || r.used.Before(oldest.used)) {
			oldest = r
		}
	}
	if oldest == nil {
		return false
	}
	oldest.newest().close()
	return true
}

// openRoutes counts the routes that take series in: others have only what is left of before.
func (q *Queue) openRoutes() int {
	n := 0
	for _, r := range q.routes {
		if !r.newest().closed {
			n++
		}
	}
	return n
}

func (r *route) newest() *generation { return r.generations[len(r.generations)-1] }

// open begins a generation, which ends the one before.
func (r *route) open(number uint32, shards int) {
	if len(r.generations) > 0 {
		r.newest().close()
	}
	g := &generation{number: number, left: shards}
	for i := range shards {
		g.shards = append(g.shards, newShard(r, g, i))
	}
	r.generations = append(r.generations, g)
	if len(r.generations) == 1 {
		r.startOldest()
	}
}

func (g *generation) close() {
	if g.closed {
		return
	}
	g.closed = true
	for _, s := range g.shards {
		s.dropEncoders()
		s.signal() // those that are empty retire
	}
}

// startOldest lets the shards of the oldest generation send.
func (r *route) startOldest() {
	if !r.queue.started || r.queue.config.Start == nil {
		return
	}
	for _, s := range r.generations[0].shards {
		r.queue.config.Start(s)
	}
}

// retire takes a shard off that is empty and gets nothing any more. The last one lets the next generation send.
func (r *route) retire(g *generation) {
	g.left--
	if g.left > 0 {
		return
	}
	r.generations[0] = nil
	r.generations = r.generations[1:]
	if len(r.generations) > 0 {
		r.startOldest()
		return
	}
	delete(r.queue.routes, r.headers)
}

// resize opens a generation with more or fewer shards where the load wants it.
func (r *route) resize(now time.Time) {
	c := &r.queue.config
	g := r.newest()
	if g.closed {
		return
	}
	if len(r.generations) > 1 {
		r.resizeWaiting(now, g)
		return
	}
	busy := time.Duration(0)
	for _, s := range g.shards {
		busy += s.takeBusy(now)
	}
	want := r.pace.want(now, len(g.shards), g.mostSealed()-1, busy)
	if want = min(max(want, c.MinShards), c.MaxShards); want != len(g.shards) {
		r.queue.generations++
		r.open(r.queue.generations, want)
	}
}

// resizeWaiting opens the largest generation where the newest has to wait for another and full batches wait in it. There is
// no other change then: how busy shards are that don't send says nothing, and each generation takes memory.
func (r *route) resizeWaiting(now time.Time, g *generation) {
	r.pace.begin(now)
	if most := r.queue.config.MaxShards; len(g.shards) < most && g.mostSealed() >= waitingBatches {
		r.queue.generations++
		r.open(r.queue.generations, most)
	}
}

func (g *generation) mostSealed() int {
	n := 0
	for _, s := range g.shards {
		n = max(n, len(s.sealed))
	}
	return n
}

// idle reports whether the route has nothing and had no use for long.
func (r *route) idle(now time.Time) bool { return now.Sub(r.used) >= idleAfter && r.empty() }

// empty reports whether the route has nothing.
func (r *route) empty() bool {
	for _, g := range r.generations {
		for _, s := range g.shards {
			if s.oldest() != nil {
				return false
			}
		}
	}
	return true
}
