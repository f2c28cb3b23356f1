package tracebuf

// Tally counts what became of traces and spans since the start. Spans: recorded = Truncated + Lost + LateDropped +
// DroppedSpans + KeptSpans + LateKept + held.
type Tally struct {
	// Traces.
	NewTraces      uint64
	KeptTraces     uint64
	DroppedTraces  uint64
	DropPolicies   uint64 // of DroppedTraces, those that a drop policy matched
	EarlyTraces    uint64 // decided before their deadline because the budget was used up
	RescuedWhole   uint64 // dropped traces turned to keep while all their spans were here
	RescuedPartial uint64 // dropped traces turned to keep after their spans were gone
	// DecidedByLag counts traces by how long after their deadline they were decided; those that were decided before it are not in it.
	DecidedByLag [len(lagBounds) + 1]uint64

	// Spans.
	Recorded      uint64
	Truncated     uint64 // not buffered: their trace was over its byte cap
	Lost          uint64 // not buffered: the system gave no memory for a record
	LateDropped   uint64 // came after their trace was dropped
	LateKept      uint64 // came after their trace was kept; handed to the emitter
	KeptSpans     uint64 // handed to the emitter with their trace's decision
	DroppedSpans  uint64 // left with their dropped trace, at the end of the rescue window
	LateByAge     [len(lateAgeBounds) + 1]uint64
	LateAgeMillis uint64
}

// lateAgeBounds are upper bounds of the age of a late span (arrival less its trace's first arrival), in milliseconds.
var lateAgeBounds = [...]int64{5_000, 10_000, 15_000, 20_000, 30_000, 60_000}

// LateAgeBounds returns the upper bounds of Tally.LateByAge in milliseconds; the last count is above all bounds or of
// spans whose trace's record was gone.
func LateAgeBounds() []int64 { return lateAgeBounds[:] }

// lagBounds are upper bounds of the time from a trace's deadline to its decision, in milliseconds.
var lagBounds = [...]int64{5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000}

// LagBounds returns the upper bounds of Tally.DecidedByLag in milliseconds; the last count is above all bounds.
func LagBounds() []int64 { return lagBounds[:] }

// decided counts a decision on a trace that was due for so long when its round began, elapsed into the round, both in milliseconds;
// below 0 its deadline had not come.
func (t *Tally) decided(due, elapsed int64) {
	if due < 0 {
		return
	}
	i := 0
	for i < len(lagBounds) && due+elapsed > lagBounds[i] {
		i++
	}
	t.DecidedByLag[i]++
}

// ageGone stands for the age of a late span whose record is gone.
const ageGone = -1

func (t *Tally) lateAge(age int64) {
	if age == ageGone {
		t.LateByAge[len(lateAgeBounds)]++
		return
	}
	i := 0
	for i < len(lateAgeBounds) && age > lateAgeBounds[i] {
		i++
	}
	t.LateByAge[i]++
	t.LateAgeMillis += uint64(max(age, 0))
}

func (t *Tally) add(o *Tally) {
	t.NewTraces += o.NewTraces
	t.KeptTraces += o.KeptTraces
	t.DroppedTraces += o.DroppedTraces
	t.DropPolicies += o.DropPolicies
	t.EarlyTraces += o.EarlyTraces
	t.RescuedWhole += o.RescuedWhole
	t.RescuedPartial += o.RescuedPartial
	t.Recorded += o.Recorded
	t.Truncated += o.Truncated
	t.Lost += o.Lost
	t.LateDropped += o.LateDropped
	t.LateKept += o.LateKept
	t.KeptSpans += o.KeptSpans
	t.DroppedSpans += o.DroppedSpans
	for i := range t.LateByAge {
		t.LateByAge[i] += o.LateByAge[i]
	}
	t.LateAgeMillis += o.LateAgeMillis
	for i := range t.DecidedByLag {
		t.DecidedByLag[i] += o.DecidedByLag[i]
	}
}
