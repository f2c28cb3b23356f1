package tracebuf

import (
	"fmt"
	"math/bits"
	"sync"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// Settings are a Buffer's bounds.
type Settings struct {
	Budget *Budget
	// Shards of the trace table, rounded up to a power of two; a lock each.
	Shards int
	// DecisionsMax is how many decisions on traces that are gone are remembered at least, if the budget allows; 0: none.
	DecisionsMax int
	// TraceBytesMax is the byte cap of a trace: ordinary spans beyond it are counted but not buffered.
	TraceBytesMax uint32
	// WaitAfterRoot is how long after the arrival of its root a trace may be decided, in milliseconds; 0: the root means nothing.
	WaitAfterRoot int64
	// DecideEarly: traces that are sure to be kept are decided by the next round.
	DecideEarly bool
	Judge       Judge
	// Compression is how sealed slabs of bodies are held once [Buffer.Compress] was called.
	Compression Compression
}

// Buffer is the trace buffer. See the package comment.
type Buffer struct {
	budget     *Budget
	pool       *slabPool
	seed       seed
	shards     []shard
	shardShift uint
	recording  recording // of every request, but for the time

	packer   *packer   // nil where nothing is compressed
	inflater *inflater // the same; protected by closing

	closing sync.Mutex // serializes deciding, expiring, recycling; taken before a shard's lock
	closer  closer     // scratch, protected by closing
	turn    int        // the shard that Decide begins with, protected by closing
}

// New returns an empty buffer.
func New(s Settings) (*Buffer, error) {
	shardBits := bits.Len(uint(max(s.Shards, 1) - 1))
	b := &Buffer{
		budget:     s.Budget,
		pool:       newSlabPool(s.Budget),
		seed:       newSeed(),
		shards:     make([]shard, 1<<shardBits),
		shardShift: uint(64 - shardBits),
		recording: recording{
			traceBytesMax: s.TraceBytesMax, waitAfterRoot: s.WaitAfterRoot, decideEarly: s.DecideEarly, judge: s.Judge,
		},
	}
	if err := b.compressBy(s.Compression); err != nil {
		return nil, err
	}
	for i := range b.shards {
		sh := &b.shards[i]
		sh.ring.budget = s.Budget
		sh.hurry.budget = s.Budget
		sh.memory = decisions{budget: s.Budget, generationMax: (s.DecisionsMax + len(b.shards) - 1) / len(b.shards)}
		var err error
		if sh.index, err = newIndex(s.Budget); err != nil {
			return nil, fmt.Errorf("cannot create trace table: %w", err)
		}
	}
	return b, nil
}

func (b *Buffer) compressBy(c Compression) error {
	if c == CompressionNone {
		return nil
	}
	codec, err := newCodec(c)
	if err != nil {
		return err
	}
	b.pool.compresses = true
	b.packer = &packer{pool: b.pool, codec: codec}
	b.inflater, err = newInflater(b.budget, &b.pool.slabs, &b.packer.codec)
	return err
}

// Close gives all memory back. No writer may be in use.
func (b *Buffer) Close() {
	for i := range b.shards {
		sh := &b.shards[i]
		sh.index.close()
		sh.ring.close()
		sh.hurry.close()
		sh.memory.close()
	}
	if b.packer != nil {
		b.packer.close()
		b.inflater.close()
	}
	b.pool.close()
}

// NewWriter returns a writer of its own slabs.
func (b *Buffer) NewWriter() *Writer { return &Writer{pool: b.pool} }

// Prepare lays out heads and groups of the writer's open request and makes sure that the budget has room
// for the records of its traces. After it nothing fails: either Record or Writer.Rollback ends the request.
func (b *Buffer) Prepare(w *Writer, batch *spanview.Batch) error {
	if err := b.roomForRecords(len(batch.Spans)); err != nil {
		return err
	}
	return w.place(batch)
}

// roomForRecords checks that n new records and their index entries fit, without taking them: pages are taken as they are
// needed, and requests in parallel may overdraw the budget by what they need together.
func (b *Buffer) roomForRecords(n int) error {
	need := int64(n) * int64(recordSize+16)
	for b.budget.Total()+need > b.budget.Limit() {
		if !b.pool.releaseIdle() { // idle slabs give way
			return ErrNoBudget
		}
	}
	return nil
}

// recording is what one call of Record needs besides its spans.
type recording struct {
	now           int64
	traceBytesMax uint32
	waitAfterRoot int64
	decideEarly   bool
	judge         Judge
	wasDropped    func(id *[16]byte) bool // nil but for what is restored
}

// Record folds the spans of a prepared request into the records of their traces and chains their heads, with one lock a
// shard. It ends the writer's request.
func (b *Buffer) Record(w *Writer, batch *spanview.Batch, now int64) {
	w.nameServices(batch)
	order := w.group(batch, b)
	rec := b.recording
	rec.now = now
	arrival := now
	from := uint32(0)
	for i := range b.shards {
		to := w.ends[i]
		if to > from {
			arrival = max(arrival, b.shards[i].record(w, batch, order[from:to], &rec))
			from = to
		}
	}
	w.commit(arrival)
}

// touch loads what the look-ups of spans will need.
func (s *shard) touch(hashes []uint64, spans []uint32) {
	for _, i := range spans {
		s.touchIndex(hashes[i])
	}
	for _, i := range spans {
		s.touchTrace(hashes[i])
	}
}

// record takes one shard's spans, given by their index in the batch, and returns the latest first arrival of the records
// that they went to.
func (s *shard) record(w *Writer, batch *spanview.Batch, spans []uint32, r *recording) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var (
		arrival  int64
		position uint32
		rec      *Record
		id       *[16]byte
	)
	s.tally.Recorded += uint64(len(spans))
	traits := batch.Traits()
	for n, i := range spans {
		if n%touchBatch == 0 {
			s.touch(w.hashes, spans[n:min(n+touchBatch, len(spans))])
		}
		span := &batch.Spans[i]
		if rec == nil || *id != span.TraceID { // spans of a trace mostly follow each other
			id = &span.TraceID
			if position, rec = s.open(span, w.hashes[i], r.now, r.judge); rec == nil {
				continue
			}
			if r.wasDropped != nil && rec.Spans == 0 && rec.State == Undecided && r.wasDropped(id) {
				rec.State = Dropped
			}
			arrival = max(arrival, rec.first)
		}
		at := w.firstHead + i*headSize
		h := w.heads.head(at)
		h.Series = span.Series
		var t *spanview.Traits
		if len(traits) > 0 {
			t = &traits[i]
		}
		s.add(position, rec, span, t, h, makeRef(w.heads, at), r)
	}
	return arrival
}
