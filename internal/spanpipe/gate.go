package spanpipe

import "github.com/otelcol-slo/otelcol-slo/internal/tracebuf"

// Gate bounds the bytes of requests that are being received, as a share of the budget.
type Gate struct {
	budget *tracebuf.Budget
	max    int64
}

// TryAcquire takes room for a request of up to n bytes. It returns false where requests being received hold all that
// they may, or the budget is used up; the request is to be refused then, unread.
func (g *Gate) TryAcquire(n int64) bool {
	if g.budget.Used(tracebuf.UseInFlight)+n > g.max {
		return false
	}
	// The share is taken on top of the buffers' bytes: a full buffer must not keep out what relief can make room for.
	g.budget.Take(tracebuf.UseInFlight, n)
	return true
}

// Release gives back what TryAcquire took.
func (g *Gate) Release(n int64) { g.budget.Give(tracebuf.UseInFlight, n) }

// Max returns the share in bytes.
func (g *Gate) Max() int64 { return g.max }
