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
	// bodies and heads are the slabs being filled, nil where none is.
	bodies, heads *slab
	// full is the slab of bodies that the open request was moved out of. The request's views still point into it, so it is
	// sealed only when the request ends.
	full *slab
	// base and size are the open request's body in bodies; groups, firstHead and headsEnd are the offsets in heads of its
	// first group, its first head and what comes behind its last.
	base, size, groups, firstHead, headsEnd uint32

	// Scratch of group: the hash of each span's trace id, the spans ordered by shard, where each shard's spans end.
	hashes []uint64
	order  []uint32
	ends   []uint32
}

// Reserve returns n bytes for a request's body, or ErrNoBudget. The bytes are not cleared.
func (w *Writer) Reserve(n int) ([]byte, error) {
	if err := w.ensure(&w.bodies, bodies, n); err != nil {
		return nil, err
	}
	w.base, w.size = w.bodies.used, uint32(n)
	w.bodies.used += uint32(n)
	return w.bodies.extent(w.base, w.size), nil
}

// Rollback ends the request as if it had never been.
func (w *Writer) Rollback() {
	w.bodies.used = w.base // 0 where the request was moved
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
func (w *Writer) ensure(cur **slab, k kind, n int) error {
	if *cur != nil && (*cur).fits(n) {
		return nil
	}
	w.seal(cur)
	s, err := w.pool.take(k, n)
	if err != nil {
		return err
	}
	*cur = s
	return nil
}

func (w *Writer) seal(cur **slab) {
	if *cur != nil {
		w.pool.seal(*cur)
		*cur = nil
	}
}

// place lays out joined bytes behind the body, and groups and heads. Where it fails the request stays as it was.
func (w *Writer) place(b *spanview.Batch) error {
	n := len(b.Scopes)*groupSize + len(b.Spans)*headSize
	if err := w.ensure(&w.heads, heads, n); err != nil {
		return err
	}
	if !w.bodies.fits(len(b.Joined)) {
		if err := w.move(int(w.size) + len(b.Joined)); err != nil {
			return err
		}
	}
	w.bodies.used += uint32(copy(w.bodies.data[w.bodies.used:], b.Joined))
	w.groups = w.heads.used
	w.firstHead = w.groups + uint32(len(b.Scopes)*groupSize)
	w.headsEnd = w.groups + uint32(n)
	w.writeGroups(b, w.groups)
	w.writeHeads(b, w.groups, w.firstHead)
	return nil
}

// move takes the open request to a slab of bodies that has room for all of it.
func (w *Writer) move(total int) error {
	s, err := w.pool.take(bodies, total)
	if err != nil {
		return err
	}
	s.used = uint32(copy(s.data, w.bodies.extent(w.base, w.size)))
	w.bodies.used = w.base
	w.full, w.bodies, w.base = w.bodies, s, 0
	return nil
}

func (w *Writer) writeGroups(b *spanview.Batch, at uint32) {
	for i := range b.Scopes {
		scope := &b.Scopes[i]
		res := &b.Resources[scope.Resource]
		*w.heads.group(at) = group{
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
		w.heads.group(w.groups + uint32(i)*groupSize).service = b.Resources[b.Scopes[i].Resource].Service
	}
}

func (w *Writer) writeHeads(b *spanview.Batch, groups, at uint32) {
	body := w.bodies.id()
	for i := range b.Spans {
		span := &b.Spans[i]
		h := w.heads.head(at)
		h.Next = 0
		h.SpanID, h.ParentID = span.SpanID, span.ParentID
		h.offset, h.size = w.base+span.Raw.Offset, span.Raw.Len
		h.group = groups + uint32(span.Scope)*groupSize
		h.Kind, h.Status, h.Remote = uint8(span.Kind), uint8(span.Status), remote(span.Flags)
		h.body = body
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
	w.heads.used = w.headsEnd // until here the room of the heads was only looked at
	w.bodies.lastArrival = max(w.bodies.lastArrival, arrival)
	w.heads.lastArrival = max(w.heads.lastArrival, arrival)
	w.end()
}

// Close seals the slabs that the writer fills.
func (w *Writer) Close() {
	w.seal(&w.bodies)
	w.seal(&w.heads)
}
