package remotewrite

import (
	"errors"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/otelcol-slo/otelcol-slo/internal/segmentlog"
)

// load reads the body of a shard's oldest batch from the log. What is damaged is lost, and what comes behind it in the
// batch, whose symbols may be in it. It reports false where nothing of the batch is left, or it was evicted meanwhile: it is
// no longer the oldest then. Called with the queue's lock, which it gives back while it reads.
func (s *Shard) load(b *Batch) bool {
	q := s.queue
	want := b.stored
	q.mu.Unlock()
	body, rest, err := q.read(s, b.number, want)
	q.mu.Lock()
	if len(s.sealed) == 0 || s.sealed[0] != b {
		return false
	}
	if err != nil {
		q.lost(LostDamaged, b.Counts.Sub(rest.counts), b.Points-rest.points)
		q.samples -= b.Counts.sendable() - rest.counts.sendable()
		rest.first, rest.last, rest.payloads = want.first, want.last, len(b.payloads)
		b.stored = rest
		b.fallBack()
		b.cut = true
	}
	if b.Series == 0 {
		s.takeOut()
		s.busySince = time.Time{}
		b.settle(errDamaged)
		q.commit(s, b)
		return false
	}
	b.Body = body
	q.bytes += len(body)
	return true
}

var errDamaged = errors.New("the remote-write log is damaged")

// read reads a batch from the log. Where it fails it returns what comes before the damage, and how much that is.
func (q *Queue) read(s *Shard, number uint64, want stored) (body []byte, got stored, err error) {
	records := make([]foundRecord, want.records)
	at := want.last
	for i := len(records) - 1; i >= 0 && err == nil; i-- {
		if err = records[i].read(q.log, at); err == nil && (records[i].record != uint32(i) || records[i].batch != number) {
			err = segmentlog.ErrDamaged
		}
		at = records[i].previous
	}
	if err != nil {
		records = q.search(s, number, want)
	}
	return q.assemble(records), measure(records), err
}

// search reads a batch whose records are no longer a chain, as far as it is whole.
func (q *Queue) search(s *Shard, number uint64, want stored) []foundRecord {
	at := make([]segmentlog.Position, want.records)
	_ = q.log.Scan(want.first, want.last.Segment, func(f segmentlog.Found) {
		var e entry
		if e.parse(f.Meta) == nil && e.kind == kindData && e.batch == number && e.generation == s.generation.number &&
			e.shard == uint32(s.index) && e.route == s.route.headers && e.record < want.records {
			at[e.record] = f.Position
		}
	})
	var records []foundRecord
	for _, p := range at {
		var x foundRecord
		if p.Segment == 0 || x.read(q.log, p) != nil {
			break
		}
		records = append(records, x)
	}
	return records
}

// foundRecord is a record of a batch that was read.
type foundRecord struct {
	entry
	raw []byte
}

func (p *foundRecord) read(log *segmentlog.Log, at segmentlog.Position) error {
	meta, body, err := log.Read(at)
	if err != nil {
		return err
	}
	if err := p.parse(meta); err != nil {
		return err
	}
	// Memory is taken for no more than there can be: a copy of 64 bytes takes two or more.
	if n, err := s2.DecodedLen(body); err != nil || n != p.symbols+p.rest || n > 64*len(body) {
		return segmentlog.ErrDamaged
	}
	if p.raw, err = s2.Decode(nil, body); err != nil {
		return segmentlog.ErrDamaged
	}
	return nil
}

// assemble makes the body of its records: all symbols, then all else.
func (q *Queue) assemble(records []foundRecord) []byte {
	if len(records) == 0 {
		return nil
	}
	n := 0
	for i := range records {
		n += len(records[i].raw)
	}
	raw := make([]byte, 0, n)
	for i := range records {
		raw = append(raw, records[i].raw[:records[i].symbols]...)
	}
	for i := range records {
		raw = append(raw, records[i].raw[records[i].symbols:]...)
	}
	return slices.Clone(s2.EncodeSnappy(nil, raw))
}

func measure(records []foundRecord) (got stored) {
	for i := range records {
		p := &records[i]
		got.records++
		got.series += p.series
		got.points += p.points
		got.counts = got.counts.Add(p.counts)
		got.newest = max(got.newest, p.newest)
	}
	return got
}
