package spanpipe

import "github.com/otelcol-slo/otelcol-slo/internal/otlpwire"

// merge builds the request of a batch anew, so that it tells each resource and scope once: the traces in it were appended
// one by one, each with its own. Whoever takes the batch decodes, encodes and stores them. The batch stays as it is where
// the system gives no memory.
func (q *outQueue) merge(b *outBatch, a *otlpwire.Assembler) {
	if b.merged || b.pieces < 2 {
		return
	}
	b.merged = true // there is no gain in trying again
	defer a.Reset()
	if err := a.AddRequest(b.region[:b.used]); err != nil { // cannot be: it was built here
		return
	}
	size := a.Size()
	if size >= b.used {
		return
	}
	q.mu.Lock()
	region, err := q.regionLocked(size)
	q.mu.Unlock()
	if err != nil {
		return
	}
	used := len(a.AppendTo(region[:0]))
	q.mu.Lock()
	defer q.mu.Unlock()
	q.letGoLocked(b)
	b.region, b.used = region, used
}
