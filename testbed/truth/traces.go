package truth

import (
	"encoding/hex"
	"fmt"
	"math"
	"time"
)

// TraceID is a trace id as it is on the wire.
type TraceID = [16]byte

// Trace is what is known of one trace.
type Trace struct {
	Spans int
	Error bool
	// Start and End are the earliest start and the latest end, Unix nanoseconds.
	Start, End int64
	// Duration is the extent where it is known without Start and End (they are 0 then).
	Duration time.Duration
}

// Extent is the latest end minus the earliest start.
func (t *Trace) Extent() time.Duration {
	if t.Start == 0 && t.End == 0 {
		return t.Duration
	}
	return time.Duration(t.End - t.Start)
}

// KeptBy tells whether "an error, or an extent of more than this many whole milliseconds" keeps the trace.
func (t *Trace) KeptBy(thresholdMillis int64) bool {
	return t.Error || t.Extent().Milliseconds() > thresholdMillis
}

// Traces is what is known of all traces.
type Traces map[TraceID]*Trace

// Span folds one span into its trace.
func (ts Traces) Span(id TraceID, start, end int64, isError bool) {
	t := ts[id]
	if t == nil {
		t = &Trace{Start: start, End: end}
		ts[id] = t
	}
	t.Spans++
	t.Error = t.Error || isError
	t.Start = min(t.Start, start)
	t.End = max(t.End, end)
}

// Spans returns the number of spans in all traces.
func (ts Traces) Spans() int {
	n := 0
	for _, t := range ts {
		n += t.Spans
	}
	return n
}

// Kept is what a sink received of each trace: its distinct spans.
type Kept map[TraceID]int

// Sampling is how a set of kept traces compares with what had to be kept.
type Sampling struct {
	// Must and MustKept count the traces to be kept for error or slowness, and those that were.
	Must, MustKept int
	// Ordinary and OrdinaryKept count the others, and those that were kept by chance.
	Ordinary, OrdinaryKept int
}

// Check compares kept traces with the truth: every trace to be kept under KeptBy must be there, every kept trace must be
// known and have all its spans. It returns the counts, and an error that lists the first differences.
func (ts Traces) Check(kept Kept, thresholdMillis int64) (Sampling, error) {
	var s Sampling
	var diffs []string
	for id, t := range ts {
		n, ok := kept[id]
		must := t.KeptBy(thresholdMillis)
		switch {
		case must && ok:
			s.Must++
			s.MustKept++
		case must:
			s.Must++
			diffs = append(diffs, fmt.Sprintf("trace %s (error %t, extent %v) was not kept", hex.EncodeToString(id[:]), t.Error, t.Extent()))
		case ok:
			s.Ordinary++
			s.OrdinaryKept++
		default:
			s.Ordinary++
		}
		if ok && n != t.Spans {
			diffs = append(diffs, fmt.Sprintf("trace %s was kept with %d of %d spans", hex.EncodeToString(id[:]), n, t.Spans))
		}
	}
	for id := range kept {
		if ts[id] == nil {
			diffs = append(diffs, fmt.Sprintf("trace %s was never sent", hex.EncodeToString(id[:])))
		}
	}
	return s, listed(diffs)
}

// WithinBinomial tells whether k of n is within sigmas standard deviations of a share p.
func WithinBinomial(k, n int, p, sigmas float64) bool {
	mean := float64(n) * p
	return math.Abs(float64(k)-mean) <= sigmas*math.Sqrt(mean*(1-p))
}
