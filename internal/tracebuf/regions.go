package tracebuf

import "github.com/otelcol-slo/otelcol-slo/internal/offheap"

// regions are the idle pieces of memory of one size, most recently used last.
type regions struct {
	size int
	idle [][]byte
	low  int // the least number of them since the last trim
}

// take returns one, nil where there is none.
func (r *regions) take() []byte {
	n := len(r.idle)
	if n == 0 {
		return nil
	}
	region := r.idle[n-1]
	r.idle[n-1] = nil
	r.idle = r.idle[:n-1]
	r.low = min(r.low, n-1)
	return region
}

func (r *regions) put(region []byte) {
	offheap.Poison(region)
	r.idle = append(r.idle, region)
}

// release gives the one that is idle for longest back to the system; it returns false where there is none.
func (r *regions) release(b *Budget) bool {
	if len(r.idle) == 0 {
		return false
	}
	offheap.Free(r.idle[0])
	r.idle[0] = nil
	r.idle = r.idle[1:]
	r.low = min(r.low, len(r.idle))
	b.Give(UseIdle, int64(r.size))
	return true
}

// trim gives those back to the system that nobody needed since the last trim.
func (r *regions) trim(b *Budget) {
	for n := r.low; n > 0; n-- {
		r.release(b)
	}
	r.low = len(r.idle)
}
