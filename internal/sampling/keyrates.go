package sampling

import (
	"cmp"
	"math"
	"slices"
)

// estimates is how rates are estimated from intervals.
type estimates struct {
	interval int64 // milliseconds
	// weight is that of the latest interval in a moving average.
	weight float64
	// buckets is how many intervals are averaged over; 0: a moving average it is.
	buckets int
}

// keyRate is what is known of a key's rate.
type keyRate struct {
	// noted is what the round's traces cost, squares the sum of their costs' squares.
	noted, squares float64
	// recent is what came in the last second, older parts fading out; variance is that of it, if traces come by chance.
	recent, variance float64
	// count is what came in the interval under way, average is a second's of those before; of a moving average, none yet where it is below 0.
	count, average float64
	// seen is when a trace came last, kept when one was kept last; 0: never.
	seen, kept int64
}

// keyRates estimates the rates of entries: by their past, but not against what the last second shows beyond chance.
type keyRates struct {
	estimates
	list []keyRate
	past []float64 // the intervals averaged over, a row an entry
	turn int       // the bucket that comes next

	start, from int64 // of all, of the interval under way; milliseconds
	swept       int64 // when it was last looked for entries that leave
}

const (
	// recentSeconds is how long the recent past is.
	recentSeconds = 1
	// doubt is how many standard deviations the recent past must differ by to be believed.
	doubt = 3
	// forgottenAfter is how many intervals without a trace a moving average is remembered.
	forgottenAfter = 4
	// sweeps is how often entries that leave are looked for within the time that they are remembered.
	sweeps = 4
)

func newKeyRates(e estimates, entries int) keyRates {
	r := keyRates{estimates: e, list: make([]keyRate, entries), past: make([]float64, entries*e.buckets)}
	for i := range r.list {
		r.clear(i)
	}
	return r
}

func (r *keyRates) clear(e int) {
	r.list[e] = keyRate{}
	if r.buckets == 0 {
		r.list[e].average = -1
	}
	clear(r.row(e))
}

func (r *keyRates) row(e int) []float64 { return r.past[e*r.buckets : (e+1)*r.buckets] }

// move puts an entry in the place of another.
func (r *keyRates) move(from, to int) {
	r.list[to] = r.list[from]
	copy(r.row(to), r.row(from))
}

// horizon is after how many milliseconds without a trace nothing is left of a key.
func (r *keyRates) horizon() int64 { return r.interval * int64(max(r.buckets, forgottenAfter)) }

// note adds a trace of the round.
func (k *keyRate) note(cost float64) {
	k.noted += cost
	k.squares += cost * cost
}

// renewal ends the interval of the first entries if its time is over, and reports whether it is time to look for entries that leave.
func (r *keyRates) renewal(now int64, used int) (sweep bool) {
	if r.start == 0 {
		r.start, r.from, r.swept = now, now, now
	}
	if n := (now - r.from) / r.interval; n > 0 {
		for e := range used {
			r.renew(e, n)
		}
		r.turn = int((int64(r.turn) + n) % int64(max(r.buckets, 1)))
		r.from += n * r.interval
	}
	if sweep = now-r.swept >= r.horizon()/sweeps; sweep {
		r.swept = now
	}
	return sweep
}

// renew ends an entry's interval, and n-1 without anything.
func (r *keyRates) renew(e int, n int64) {
	k, row := &r.list[e], r.row(e)
	if r.buckets == 0 {
		latest := k.count / seconds(r.interval)
		if k.average < 0 {
			k.average = latest
		} else {
			k.average += r.weight * (latest - k.average)
		}
		k.average *= math.Pow(1-r.weight, float64(n-1))
	} else {
		row[r.turn] = k.count
		for i := int64(1); i < min(n, int64(r.buckets)+1); i++ { // after a long pause the count too
			row[(r.turn+int(i))%r.buckets] = 0
		}
	}
	k.count = 0
}

// rate adds an entry's round, of some milliseconds, and what came late since the last one; it returns its rate a second, above 0 if a trace came in it.
func (r *keyRates) rate(e int, now, elapsed int64, late float64) float64 {
	k := &r.list[e]
	dt := seconds(elapsed) / recentSeconds
	fade, part := math.Exp(-dt), 1.
	if dt > 0 {
		part = (1 - fade) / dt // what is left of the round itself
	}
	k.recent = k.recent*fade + (k.noted+late)*part
	k.variance = k.variance*fade*fade + (k.squares+late*late)*part*part
	k.count += k.noted + late
	if k.noted+late > 0 {
		k.seen = now
	}
	spread := doubt * math.Sqrt(k.variance)
	return min(max(r.byPast(e, now), (k.recent-spread)/recentSeconds), (k.recent+spread)/recentSeconds)
}

// byPast is an entry's rate by whole intervals, and by the one under way where that shows more.
func (r *keyRates) byPast(e int, now int64) float64 {
	k := &r.list[e]
	since := max(seconds(now-r.start), recentSeconds) // of a start, no more than it has seen
	if r.buckets == 0 {
		return max(k.average, k.count/min(seconds(r.interval), since))
	}
	sum := k.count
	for _, count := range r.row(e) {
		sum += count
	}
	return sum / min(seconds(r.interval*int64(r.buckets)+now-r.from), since)
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

// leaving appends the entries, but others, that nothing is left of. Where the first entries are all there can be and others had traces,
// it is also the quarter of the lowest rates: among those that come in their place the frequent ones stay. The greatest comes first.
func (r *keyRates) leaving(dst []int, used int, now int64) []int {
	for e := 1; e < used; e++ {
		dst = append(dst, e)
	}
	slices.SortFunc(dst, func(a, b int) int { return cmp.Compare(r.byPast(a, now), r.byPast(b, now)) })
	least := 0
	if used == len(r.list) && r.list[others].seen > now-r.horizon() {
		least = (used + 2) / 4
	}
	n := 0
	for i, e := range dst {
		if i < least || r.list[e].seen <= now-r.horizon() {
			dst[n] = e
			n++
		}
	}
	dst = dst[:n]
	slices.SortFunc(dst, func(a, b int) int { return cmp.Compare(b, a) })
	return dst
}
