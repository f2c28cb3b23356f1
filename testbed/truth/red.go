package truth

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Series is the identity of calls and durations. Kind and Status are OTLP's names without their prefix ("SERVER", "ERROR").
// Method, Route and Code are the reference job's further dimensions, empty where a span has no such attribute or the
// source of the figures does not tell them apart.
type Series struct {
	Service   string
	Operation string
	Kind      string
	Status    string
	Method    string
	Route     string
	Code      string
}

// String returns the fields that are set, in their order.
func (s Series) String() string {
	fields := []string{s.Service, s.Operation, s.Kind, s.Status}
	for _, f := range []string{s.Method, s.Route, s.Code} {
		if f != "" {
			fields = append(fields, f)
		}
	}
	return strings.Join(fields, " | ")
}

// Counts is what is known of one series.
type Counts struct {
	// Calls is the number of spans.
	Calls uint64
	// Observations is the number of durations; equal to Calls unless calls and durations were observed apart.
	Observations uint64
	// SumNanos is the sum of durations in nanoseconds: exact below 2^53, which is 104 days.
	SumNanos float64
	// Cumulative holds, for each bound, how many durations are at most that bound, and at its end how many there are.
	Cumulative []uint64
}

// RED is calls and durations per series.
type RED struct {
	// Bounds are the upper bounds of the buckets, ascending; a duration equal to a bound lies in its bucket.
	Bounds []time.Duration
	Series map[Series]*Counts
}

// NewRED returns a RED without series.
func NewRED(bounds []time.Duration) *RED {
	return &RED{Bounds: slices.Clone(bounds), Series: map[Series]*Counts{}}
}

// At returns the counts of a series, new ones where there are none.
func (r *RED) At(s Series) *Counts {
	c := r.Series[s]
	if c == nil {
		c = &Counts{Cumulative: make([]uint64, len(r.Bounds)+1)}
		r.Series[s] = c
	}
	return c
}

// Observe counts n spans of one duration.
func (r *RED) Observe(s Series, d time.Duration, n uint64) {
	c := r.At(s)
	c.Calls += n
	c.Observations += n
	c.SumNanos += float64(d) * float64(n)
	first, _ := slices.BinarySearch(r.Bounds, d)
	for i := first; i < len(c.Cumulative); i++ {
		c.Cumulative[i] += n
	}
}

// Add adds n times the counts of another RED that has the same bounds.
func (r *RED) Add(other *RED, n uint64) {
	for s, o := range other.Series {
		c := r.At(s)
		c.Calls += n * o.Calls
		c.Observations += n * o.Observations
		c.SumNanos += float64(n) * o.SumNanos
		for i := range o.Cumulative {
			c.Cumulative[i] += n * o.Cumulative[i]
		}
	}
}

// Calls returns the number of spans in all series.
func (r *RED) Calls() uint64 {
	var n uint64
	for _, c := range r.Series {
		n += c.Calls
	}
	return n
}

// Plain returns the RED with the further dimensions (method, route, code) added up.
func (r *RED) Plain() *RED {
	p := NewRED(r.Bounds)
	for s, c := range r.Series {
		one := &RED{Bounds: r.Bounds, Series: map[Series]*Counts{
			{Service: s.Service, Operation: s.Operation, Kind: s.Kind, Status: s.Status}: c,
		}}
		p.Add(one, 1)
	}
	return p
}

// maxDifferences bounds how many differences an error lists.
const maxDifferences = 10

// Diff returns nil where got has exactly the series of r, equal in calls, observations and every bucket, and with sums that
// differ by at most relSum of the expected one; else an error that lists the first differences.
func (r *RED) Diff(got *RED, relSum float64) error {
	var diffs []string
	if !slices.Equal(r.Bounds, got.Bounds) {
		return fmt.Errorf("bounds are %v, want %v", got.Bounds, r.Bounds)
	}
	for _, s := range sortedKeys(r.Series) {
		g := got.Series[s]
		if g == nil {
			diffs = append(diffs, fmt.Sprintf("%s: missing (want %d calls)", s, r.Series[s].Calls))
			continue
		}
		diffs = append(diffs, r.Series[s].diff(s, g, relSum)...)
	}
	for _, s := range sortedKeys(got.Series) {
		if r.Series[s] == nil {
			diffs = append(diffs, fmt.Sprintf("%s: not expected (%d calls)", s, got.Series[s].Calls))
		}
	}
	return listed(diffs)
}

func (c *Counts) diff(s Series, got *Counts, relSum float64) []string {
	var diffs []string
	if got.Calls != c.Calls {
		diffs = append(diffs, fmt.Sprintf("%s: %d calls, want %d", s, got.Calls, c.Calls))
	}
	if got.Observations != c.Observations {
		diffs = append(diffs, fmt.Sprintf("%s: %d durations, want %d", s, got.Observations, c.Observations))
	}
	if math.Abs(got.SumNanos-c.SumNanos) > relSum*math.Abs(c.SumNanos) {
		diffs = append(diffs, fmt.Sprintf("%s: sum %.3f ns, want %.3f ns", s, got.SumNanos, c.SumNanos))
	}
	if !slices.Equal(got.Cumulative, c.Cumulative) {
		diffs = append(diffs, fmt.Sprintf("%s: buckets %v, want %v", s, got.Cumulative, c.Cumulative))
	}
	return diffs
}

func sortedKeys[V any](m map[Series]V) []Series {
	return slices.SortedFunc(maps.Keys(m), func(a, b Series) int { return cmp.Compare(a.String(), b.String()) })
}

// listed turns differences into one error, nil where there are none.
func listed(diffs []string) error {
	if len(diffs) == 0 {
		return nil
	}
	total := len(diffs)
	if total > maxDifferences {
		diffs = append(diffs[:maxDifferences:maxDifferences], "...")
	}
	return errors.New(fmt.Sprintf("%d differences:\n  ", total) + strings.Join(diffs, "\n  "))
}
