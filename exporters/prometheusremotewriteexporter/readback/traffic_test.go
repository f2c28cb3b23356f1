//go:build integration

package readback

import (
	"math"
	"strings"
	"time"
)

// kind is what a source is the source of.
type kind int

const (
	counter kind = iota
	gauge
	classic
	native
	summary
	target // target_info, which nobody sends
)

// traffic is what is generated: the same every time, but for when it starts.
type traffic struct {
	producers, steps int
	// atLeast is how many samples there are, native histograms included.
	atLeast int
	// each is how many sources of a kind a producer has.
	each  map[kind]int
	start time.Time
	// plain keeps to numbers that a store of decimals gives back as they were.
	plain bool
}

// interval is the time from one step to the next.
const interval = 10 * time.Second

// newTraffic is of at least so many samples.
func newTraffic(samples int) traffic {
	// A step has 5000, less what has ended or not begun; and a payload has two.
	steps := 2 * (samples/9200 + 1)
	return traffic{
		producers: 4, steps: steps, atLeast: samples,
		each:  map[kind]int{counter: 240, gauge: 240, classic: 41, native: 171, summary: 10},
		start: time.Now().Add(-time.Duration(steps+6) * interval).Truncate(time.Second),
	}
}

// source is what one OTLP series comes from. All that it says of a step is a function of the step.
type source struct {
	*traffic
	kind            kind
	producer, index int
}

// sources are those of a producer, target_info apart.
func (t *traffic) sources(producer int) []source {
	var all []source
	for k := range target {
		for i := range t.each[k] {
			all = append(all, source{t, k, producer, i})
		}
	}
	return all
}

type state int

const (
	absent state = iota
	recorded
	stale
)

// pause is for how many steps a source that comes back says nothing after its stale marker.
const pause = 5

// state is what a source says at a step. Of ten sources one begins late, one ends, and one ends and comes back.
func (s source) state(step int) state {
	late, end, gap := s.steps/4, 2*s.steps/3, s.steps/3
	switch {
	case s.kind == target:
		for _, other := range s.sources(s.producer) {
			if other.state(step) == recorded {
				return recorded
			}
		}
		return absent
	case s.index%10 == 5 && step < late, s.index%10 == 3 && step > end, s.index%10 == 7 && step > gap && step <= gap+pause:
		return absent
	case s.index%10 == 3 && step == end, s.index%10 == 7 && step == gap:
		return stale
	default:
		return recorded
	}
}

// millis is the time of a step's point, in Unix milliseconds.
func (s source) millis(step int) int64 {
	if s.kind == target {
		newest := int64(0)
		for _, other := range s.sources(s.producer) {
			if other.state(step) == recorded {
				newest = max(newest, other.millis(step))
			}
		}
		return newest
	}
	return s.start.UnixMilli() + int64(step)*interval.Milliseconds() + int64(137*s.producer+3*(s.index%5))
}

const resetEvery = 50

// rounds is how often a cumulative source counted since it was last reset; one in four is, now and then.
func (s source) rounds(step int) uint64 {
	if s.index%4 == 1 {
		step %= resetEvery
	}
	return uint64(step + 1)
}

// began is the step in which a cumulative source began to count.
func (s source) began(step int) int { return step + 1 - int(s.rounds(step)) }

// random is a number that depends on the source and the salt alone.
func (s source) random(salt ...int) uint64 {
	h := mix(mix(mix(0, int(s.kind)), s.producer), s.index)
	for _, v := range salt {
		h = mix(h, v)
	}
	return h
}

func mix(h uint64, v int) uint64 {
	h += uint64(v) + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// integer is the value of a number that OTLP has as an integer.
func (s source) integer(step int) (int64, bool) {
	if s.index%2 == 0 && s.kind == counter {
		n := int64(s.rounds(step)*(1+s.random()%1000) + s.random(step)%2)
		if s.index%8 == 4 && !s.plain {
			n <<= 40
		}
		return n, true
	}
	if s.index%2 == 0 && s.kind == gauge && !s.plain {
		return int64(s.random(step)), true
	}
	return 0, false
}

// strange are values of gauges that are easily lost on the way.
var strange = []float64{
	math.Float64frombits(0x7ff8000000000001), math.Float64frombits(0xfff8000000000abc), math.Inf(1), math.Inf(-1),
	math.Copysign(0, -1), 0, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, math.MaxFloat64, -math.MaxFloat64,
	1 << 53, 0.1, 1e-300, 1,
}

// double is the value of a number that OTLP has as a double.
func (s source) double(step int) float64 {
	if s.kind == counter {
		n := float64(s.rounds(step)*(1+s.random()%1000) + s.random(step)%2)
		if s.plain {
			return n
		}
		return n * 0.1
	}
	r := s.random(step)
	switch {
	case s.plain:
		return float64(r%2_000_000) - 1_000_000
	case r%4 == 0:
		return strange[r>>8%uint64(len(strange))]
	default:
		return math.Float64frombits(r&^(0x7ff<<52) | (512+r>>4%1024)<<52) // any sign and fraction, no infinity
	}
}

// sum is of a histogram or summary; one histogram in ten has none.
func (s source) sum(step int) (float64, bool) {
	if s.kind != summary && s.index%10 == 9 {
		return 0, false
	}
	if s.plain {
		return float64(s.rounds(step) * (s.random()%50 + 1)), true
	}
	return float64(s.rounds(step)) * 0.37 * float64(int64(s.random()%1000)-300), true
}

// bounds are those of a classic histogram.
func (s source) bounds() []float64 {
	return [][]float64{
		{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10},
		{-1000, -10, -0.1, 0, 0.1, 1, 10, 100, 1000, 10_000, 100_000, 1e6},
		{1e-9, 1e-6, 0.3, 1.0000000000000002, 2, 3, 1 << 53, 1e16, 1e18, 1e21, 1e30, 1e300},
	}[s.index%3]
}

// buckets are the counts of a classic histogram, one for each bound and one beyond.
func (s source) buckets(step int) []uint64 {
	counts := make([]uint64, len(s.bounds())+1)
	for i := range counts {
		counts[i] = s.rounds(step) * (s.random(i) % 5)
	}
	return counts
}

// quantiles are those of a summary.
var quantiles = []float64{0, 0.5, 0.99}

func (s source) quantile(step, i int) float64 { return float64(s.random(step, i) % 1000) }

// fineBuckets is how many buckets of the finest scale a side of a native histogram spans.
const fineBuckets = 64

// finest is the scale that a native histogram's observations were counted at, and scale what it reports a step at:
// the one stays, others become coarser with time.
func (s source) finest() int { return []int{3, 10, 0, 8}[s.index%4] }

func (s source) scale(step int) int {
	return s.finest() - step*[]int{1, 7, 5, 9}[s.index%4]/s.steps
}

const (
	positive = iota
	negative
)

// fine returns the index of a side's first bucket at the finest scale, and the counts from there; one histogram in three
// has no negative ones, one in three a gap.
func (s source) fine(step, side int) (first int, counts []uint64) {
	first = int(s.random(side)%200) - 100
	counts = make([]uint64, fineBuckets)
	for i := range counts {
		if side == negative && s.index%3 == 2 || s.index%3 == 0 && i > 20 && i < 40 {
			continue
		}
		counts[i] = s.rounds(step) * (s.random(side, i) % 4)
		if s.index%16 == 6 {
			counts[i] <<= 33
		}
	}
	return first, counts
}

// zero is the width and the count of a native histogram's zero bucket; a width of 0 says nothing.
func (s source) zero(step int) (width float64, count uint64) {
	return []float64{0, 0.001}[s.index%2], s.rounds(step) * (s.random(99) % 3)
}

// example is an exemplar.
type example struct {
	millis     int64
	value      float64
	trace      [16]byte
	span       [8]byte
	attributes map[string]string
}

// examples are the exemplars of a step's point, in time order. Of classic histograms each is of another bucket.
func (s source) examples(step int) []example {
	var values []float64
	switch {
	case s.state(step) != recorded:
	case s.kind == counter && s.index%5 == 0:
		values = []float64{s.double(step)}
	case s.kind == classic && s.index%2 == 0:
		bounds := s.bounds()
		i := int(s.random(step) % uint64(len(bounds)))
		// A bound is in its own bucket, and what is above the last in none but +Inf.
		values = []float64{bounds[i], math.Nextafter(bounds[len(bounds)-1], math.Inf(1))}
		if i > 0 {
			values[0] = []float64{bounds[i], math.Nextafter(bounds[i-1], bounds[i])}[step%2]
		}
	case s.kind == native && s.index%2 == 0:
		values = []float64{-1.5, float64(step)}
	}
	all := make([]example, len(values))
	for i, v := range values {
		x := example{millis: s.millis(step) - 1000 + int64(250*i), value: v}
		for j := range x.trace {
			x.trace[j] = byte(s.random(step, i, j))
		}
		copy(x.span[:], x.trace[3:])
		x.span[0] |= 1
		switch step % 3 {
		case 1:
			x.attributes = map[string]string{"user.id": "ü" + string(rune('a'+step%26))}
		case 2: // more than an exemplar has room for: it keeps the ids alone
			x.attributes = map[string]string{"query": strings.Repeat("long", 30)}
		}
		all[i] = x
	}
	return all
}
