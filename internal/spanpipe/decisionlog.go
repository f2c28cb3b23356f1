package spanpipe

import (
	"slices"
	"sync"
	"unsafe"

	"github.com/otelcol-slo/otelcol-slo/internal/offheap"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// decisionLog remembers the latest decisions to keep a trace, in a ring of entries outside the Go heap, so that somebody who
// looks at a trace learns why it was kept when its record is long gone. What was dropped is known by its record through the
// rescue window, and then only as dropped.
type decisionLog struct {
	budget *tracebuf.Budget

	mu      sync.Mutex // protects all below
	region  []byte
	entries []logged
	next    int
	full    bool
	// policies are the names of all policies that there were; entries have their index.
	policies []string
}

// logged is a decision to keep a trace, 96 bytes.
type logged struct {
	traceID          [16]byte
	decided          int64 // milliseconds of the engine's clock
	first            int64 // arrival of the first span, likewise
	minStart, maxEnd uint64
	threshold        uint64
	spans, errors    uint32
	kept             uint32
	policy           int32 // in decisionLog.policies, NoPolicy for none
	services         [4]uint32
	flags            tracebuf.Flags
	known            bool
	_                [5]byte
}

// decisionLogShare is what the log may take of the budget: a sixty-fourth.
const decisionLogShare = 64

// newDecisionLog returns a log of n decisions, of fewer where the budget is small, of none where n is 0 or there is no room.
func newDecisionLog(budget *tracebuf.Budget, n int) *decisionLog {
	l := &decisionLog{budget: budget}
	n = min(n, int(budget.Limit()/decisionLogShare/int64(unsafe.Sizeof(logged{}))))
	size := n * int(unsafe.Sizeof(logged{}))
	if n == 0 || !budget.TryTake(tracebuf.UseDecisions, int64(size)) {
		return l
	}
	region, err := offheap.Alloc(size)
	if err != nil {
		budget.Give(tracebuf.UseDecisions, int64(size))
		return l
	}
	l.region = region
	l.entries = unsafe.Slice((*logged)(unsafe.Pointer(&region[0])), n)
	return l
}

// policiesMax bounds the names that are remembered over reloads.
const policiesMax = 10_000

// name returns the numbers that policies are known by in the log.
func (l *decisionLog) name(p *sampling.Policies) []int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	numbers := make([]int32, p.Len())
	for i := range numbers {
		at := slices.Index(l.policies, p.Name(i))
		if at < 0 && len(l.policies) < policiesMax {
			at = len(l.policies)
			l.policies = append(l.policies, p.Name(i))
		}
		numbers[i] = int32(at)
	}
	return numbers
}

// policy returns the name behind a number, empty for none.
func (l *decisionLog) policy(number int32) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if number < 0 {
		return ""
	}
	return l.policies[number]
}

// add enters a decision over the oldest one.
func (l *decisionLog) add(e *logged) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) == 0 {
		return
	}
	l.entries[l.next] = *e
	if l.next++; l.next == len(l.entries) {
		l.next, l.full = 0, true
	}
}

// find returns the latest decision on a trace.
func (l *decisionLog) find(id [16]byte) (logged, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.next
	if l.full {
		n = len(l.entries)
	}
	for i := range n {
		at := (l.next - 1 - i + len(l.entries)) % len(l.entries)
		if l.entries[at].traceID == id {
			return l.entries[at], true
		}
	}
	return logged{}, false
}

func (l *decisionLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.region != nil {
		offheap.Free(l.region)
		l.budget.Give(tracebuf.UseDecisions, int64(len(l.region)))
	}
	l.region, l.entries = nil, nil
}
