package tracebuf

import (
	"slices"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// Writer fills slabs for one request at a time:
//
//	Reserve -> (the body is written and read) -> place -> commit
//	        -> Rollback
//
// It belongs to one goroutine at a time.
type Writer struct {
	pool *slabPool
	cur  *slab
	// full is the slab that the open request was moved out of. The request's views still point into it, so it is sealed
	// only when the request ends.
	full *slab
	// base and size are the open request's body in cur, groups and heads the offsets of its first group and head.
	base, size, groups, heads uint32

	// Scratch of group: the hash of each span's trace id, the spans ordered by shard, where each shard's spans end.
	hashes []uint64
	order  []uint32
	ends   []uint32
}

// Reserve returns n bytes for a request's body, or ErrNoBudget. The bytes are not cleared.
func (w *Writer) Reserve(n int) ([]byte, error) {
	// An eighth more is what heads and groups of ordinary spans need; place moves the request where it is not enough.
	if err := w.ensure(n + n/8); err != nil {
		return nil, err
	}
	w.base, w.size = w.cur.used, uint32(n)
	w.cur.used += uint32(n)
	return w.cur.extent(w.base, w.size), nil
}

// Rollback ends the request as if it had never been.
func (w *Writer) Rollback() {
	if w.full != nil { // cur holds this request alone
		w.cur.used = 0
	} else {
		w.cur.used = w.base
	}
	w.end()
}

func (w *Writer) end() {
	if w.full != nil {
		w.pool.seal(w.full)
		w.full = nil
	}
	w.size = 0
}

// ensure makes cur a slab that has n bytes left. It seals the one before in any case: a large one that stays open may be
// what keeps the next one out.
func (w *Writer) ensure(n int) error {
	if w.cur != nil && int(w.cur.used)+n <= len(w.cur.data) {
		return nil
	}
	w.Close()
	s, err := w.pool.take(n)
	if err != nil {
		return err
	}
	w.cur = s
	return nil
}

// place lays out joined bytes, groups and heads behind the body.
func (w *Writer) place(b *spanview.Batch) error {
	joined := w.size + uint32(len(b.Joined))
	padded := (joined + 7) &^ 7
	// An offset is aligned in the slab, not in the request.
	total := int(padded) + 8 + len(b.Scopes)*groupSize + len(b.Spans)*headSize
	if int(w.base)+total > len(w.cur.data) {
		if err := w.move(total); err != nil {
			return err
		}
	}
	s := w.cur
	copy(s.data[w.base+w.size:], b.Joined)
	w.groups = (w.base + joined + 7) &^ 7
	w.heads = w.groups + uint32(len(b.Scopes)*groupSize)
	s.used = w.heads + uint32(len(b.Spans)*headSize)
	w.writeGroups(b, w.groups)
	w.writeHeads(b, w.groups, w.heads)
	return nil
}

// move takes the open request to a slab that has room for all of it.
func (w *Writer) move(total int) error {
	s, err := w.pool.take(total)
	if err != nil {
		return err
	}
	copy(s.data, w.cur.extent(w.base, w.size))
	w.cur.used = w.base
	w.full, w.cur, w.base = w.cur, s, 0
	return nil
}

func (w *Writer) writeGroups(b *spanview.Batch, at uint32) {
	for i := range b.Scopes {
		scope := &b.Scopes[i]
		res := &b.Resources[scope.Resource]
		*w.cur.group(at) = group{
			resource: w.base + res.Raw.Offset, resourceSize: res.Raw.Len,
			resourceSchema: w.base + res.SchemaURL.Offset, resourceSchemaSize: res.SchemaURL.Len,
			scope: w.base + scope.Raw.Offset, scopeSize: scope.Raw.Len,
			scopeSchema: w.base + scope.SchemaURL.Offset, scopeSchemaSize: scope.SchemaURL.Len,
			context: b.Context,
		}
		at += groupSize
	}
}

// nameServices notes the services that the batch's resources got since their groups were written.
func (w *Writer) nameServices(b *spanview.Batch) {
	for i := range b.Scopes {
		w.cur.group(w.groups + uint32(i)*groupSize).service = b.Resources[b.Scopes[i].Resource].Service
	}
}

func (w *Writer) writeHeads(b *spanview.Batch, groups, at uint32) {
	for i := range b.Spans {
		span := &b.Spans[i]
		h := w.cur.head(at)
		h.Next = 0
		h.SpanID, h.ParentID = span.SpanID, span.ParentID
		h.offset, h.size = w.base+span.Raw.Offset, span.Raw.Len
		h.group = groups + uint32(span.Scope)*groupSize
		h.Kind, h.Status, h.Remote = uint8(span.Kind), uint8(span.Status), remote(span.Flags)
		at += headSize
	}
}

// group orders the batch's spans by shard, those of a shard in the order of the request (a counting sort).
func (w *Writer) group(batch *spanview.Batch, b *Buffer) []uint32 {
	n := len(batch.Spans)
	w.hashes = slices.Grow(w.hashes[:0], n)[:n]
	w.order = slices.Grow(w.order[:0], n)[:n]
	w.ends = slices.Grow(w.ends[:0], len(b.shards))[:len(b.shards)]
	clear(w.ends)
	for i := range batch.Spans {
		if i > 0 && batch.Spans[i].TraceID == batch.Spans[i-1].TraceID {
			w.hashes[i] = w.hashes[i-1]
		} else {
			w.hashes[i] = b.seed.sum(&batch.Spans[i].TraceID)
		}
		w.ends[w.hashes[i]>>b.shardShift]++
	}
	var sum uint32
	for i, count := range w.ends {
		w.ends[i] = sum
		sum += count
	}
	for i, hash := range w.hashes {
		at := &w.ends[hash>>b.shardShift]
		w.order[*at] = uint32(i)
		*at++
	}
	return w.order
}

func remote(flags uint32) uint8 {
	if flags&spanview.FlagHasIsRemote == 0 {
		return 0
	}
	return 1 + uint8(flags>>9&1)
}

// commit ends the request; arrival is the greatest first arrival of a record that got one of its spans.
func (w *Writer) commit(arrival int64) {
	w.cur.lastArrival = max(w.cur.lastArrival, arrival)
	w.end()
}

// Close seals the slab that the writer fills.
func (w *Writer) Close() {
	if w.cur != nil {
		w.pool.seal(w.cur)
		w.cur = nil
	}
}
