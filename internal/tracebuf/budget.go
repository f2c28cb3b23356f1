package tracebuf

import "sync/atomic"

// Use is what memory is taken for.
type Use uint8

const (
	// UseSlabs: slabs with spans in them.
	UseSlabs Use = iota
	// UseIdle: slabs that wait to be used again or given back to the system.
	UseIdle
	// UseTable: trace records and their index.
	UseTable
	// UseDecisions: the memory of decisions on traces that are gone.
	UseDecisions
	// UseInFlight: requests that are being received.
	UseInFlight
	// UseOutput: kept traces on their way out.
	UseOutput
	// UseSeries: the series of RED metrics and SLOs.
	UseSeries

	uses
)

// Name returns the use's value of the attribute "use" of the memory gauges.
func (u Use) Name() string {
	return [uses]string{"slabs", "idle", "table", "decisions", "in_flight", "output", "series"}[u]
}

// Uses returns all uses in order.
func Uses() []Use {
	return []Use{UseSlabs, UseIdle, UseTable, UseDecisions, UseInFlight, UseOutput, UseSeries}
}

// Budget is the one account of the process's buffer memory, in bytes. It is safe for concurrent use; it is asked per
// slab, page or request, never per span.
type Budget struct {
	limit int64
	total atomic.Int64
	used  [uses]atomic.Int64
}

// NewBudget returns an empty account of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Limit returns the budget in bytes.
func (b *Budget) Limit() int64 { return b.limit }

// Total returns the bytes in use, all uses together. It may pass the limit by what Take was forced to take.
func (b *Budget) Total() int64 { return b.total.Load() }

// Used returns the bytes taken for one use.
func (b *Budget) Used(u Use) int64 { return b.used[u].Load() }

// TryTake takes n bytes if the limit allows.
func (b *Budget) TryTake(u Use, n int64) bool {
	for {
		total := b.total.Load()
		if total+n > b.limit {
			return false
		}
		if b.total.CompareAndSwap(total, total+n) {
			b.used[u].Add(n)
			return true
		}
	}
}

// Take takes n bytes, limit or not. It is for what can't be refused any more because a request was accepted: records,
// and kept traces up to the output queue's own bound. The overdraft is paid back by the next relief.
func (b *Budget) Take(u Use, n int64) {
	b.total.Add(n)
	b.used[u].Add(n)
}

// Give returns n bytes.
func (b *Budget) Give(u Use, n int64) {
	b.total.Add(-n)
	b.used[u].Add(-n)
}

// Set makes a use stand at n bytes.
func (b *Budget) Set(u Use, n int64) {
	b.total.Add(n - b.used[u].Swap(n))
}

// Move books n bytes from one use to another.
func (b *Budget) Move(from, to Use, n int64) {
	b.used[from].Add(-n)
	b.used[to].Add(n)
}
