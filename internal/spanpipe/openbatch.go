package spanpipe

import (
	"math"
	"slices"

	"github.com/otelcol-slo/otelcol-slo/internal/spanstore"
)

// outPiece is a kept trace, or what there is of it in one context, as a request.
type outPiece struct {
	trace   [16]byte
	first   int64 // the trace's first arrival
	context uint32
	size    int // of the request
	// spans in it, late how many of them came after their trace's decision.
	spans, late uint32
	// again: another piece counts the trace.
	again bool
}

// append adds a piece to the open batch of its context; write fills it in. The queue may pass its bound by it.
func (q *outQueue) append(p outPiece, now int64, write func(dst []byte) []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	b, err := q.openLocked(p.context, p.size, now)
	if err != nil {
		return err
	}
	b.used = len(write(b.region[:b.used]))
	b.spans += uint64(p.spans)
	b.late += uint64(p.late)
	b.pieces++
	if !p.again {
		b.traces++
	}
	if q.stores {
		b.sent = append(b.sent, spanstore.Sent{ID: p.trace, Spans: p.spans})
	}
	b.oldest = min(b.oldest, p.first)
	if b.spans >= uint64(q.spans) {
		q.sealLocked(slices.Index(q.open, b))
	}
	return nil
}

// openLocked returns a batch of a context that has room for size bytes more.
func (q *outQueue) openLocked(context uint32, size int, now int64) (*outBatch, error) {
	at := slices.IndexFunc(q.open, func(b *outBatch) bool { return b.context == context })
	if at >= 0 {
		b := q.open[at]
		if b.used+size <= len(b.region) || q.growLocked(b, b.used+size) {
			return b, nil
		}
		q.sealLocked(at)
	}
	region, err := q.regionLocked(size)
	if err != nil {
		return nil, err
	}
	b := &outBatch{region: region, context: context, opened: now, oldest: math.MaxInt64}
	q.open = append(q.open, b)
	return b, nil
}

// growLocked gives a batch a larger region, up to the usual size; it returns false where that is not enough.
func (q *outQueue) growLocked(b *outBatch, need int) bool {
	size := len(b.region)
	for size < need {
		size *= 2
	}
	if size > outRegionSize {
		return false
	}
	region, err := q.regionLocked(size)
	if err != nil {
		return false
	}
	copy(region, b.region[:b.used])
	q.letGoLocked(b)
	b.region = region
	return true
}

func (q *outQueue) sealLocked(at int) {
	q.ready = append(q.ready, q.open[at])
	q.open = slices.Delete(q.open, at, at+1)
	q.signal()
}

func (q *outQueue) sealAllLocked() {
	if len(q.open) > 0 {
		q.ready = append(q.ready, q.open...)
		clear(q.open)
		q.open = q.open[:0]
		q.signal()
	}
}

// sealOlderThan sends the open batches on their way that have waited for their timeout.
func (q *outQueue) sealOlderThan(now int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.open) > 0 && now-q.open[0].opened >= q.timeout {
		q.sealLocked(0)
	}
}

// flush sends the open batches on their way.
func (q *outQueue) flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sealAllLocked()
}
