package remotewrite

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/otelcol-slo/otelcol-slo/internal/segmentlog"
)

// What the log's records say in their meta, as varints, times and timestamps zigzag:
//
//	data:    1, route, generation, shard, batch, record, message, previous segment, previous offset, symbols, rest,
//	         series, samples, histograms, exemplars, points, since, newest
//	commit:  2, route, generation, shard, batch
//
// route is the text of [Headers] behind its length. A data record is what one payload appended to a batch; its body is
// symbols and rest of those sizes one after the other, compressed (snappy, block format). Batches are counted from 1, its records from 0; previous
// is where the record before is. A commit says that the shard's batches up to a number are done.
const (
	kindData   = 1
	kindCommit = 2
	// kindUnknown is what no version writes.
	kindUnknown = math.MaxUint64
)

// messages are the numbers of messages in the log.
var messages = [...]Message{V1, V2}

// entry is the meta of a record.
type entry struct {
	kind       uint64
	route      Headers
	generation uint32
	shard      uint32
	batch      uint64

	record   uint32
	message  Message
	previous segmentlog.Position
	symbols  int
	rest     int
	series   int
	counts   Counts
	points   int
	since    time.Time
	newest   int64
}

func (e *entry) appendTo(buf []byte) []byte {
	buf = binary.AppendUvarint(buf, e.kind)
	buf = binary.AppendUvarint(buf, uint64(len(e.route)))
	buf = append(buf, e.route...)
	for _, v := range [...]uint64{uint64(e.generation), uint64(e.shard), e.batch} {
		buf = binary.AppendUvarint(buf, v)
	}
	if e.kind != kindData {
		return buf
	}
	message := uint64(0)
	if e.message == V2 {
		message = 1
	}
	for _, v := range [...]uint64{
		uint64(e.record), message, e.previous.Segment, uint64(e.previous.Offset), uint64(e.symbols), uint64(e.rest),
		uint64(e.series), uint64(e.counts.Samples), uint64(e.counts.Histograms), uint64(e.counts.Exemplars), uint64(e.points),
	} {
		buf = binary.AppendUvarint(buf, v)
	}
	buf = binary.AppendVarint(buf, e.since.UnixMilli())
	return binary.AppendVarint(buf, e.newest)
}

var errEntry = errors.New("the record is of no known kind")

// parse reads the meta of a record.
func (e *entry) parse(meta []byte) error {
	r := varints{buf: meta}
	*e = entry{kind: r.next()}
	e.route = Headers(r.text())
	e.generation, e.shard, e.batch = uint32(r.count()), uint32(r.count()), r.next()
	if e.kind == kindData {
		e.record = uint32(r.count())
		if m := r.next(); m < uint64(len(messages)) {
			e.message = messages[m]
		} else {
			e.kind = kindUnknown // of a message, but that is as much
			r.bad = true
		}
		e.previous = segmentlog.Position{Segment: r.next(), Offset: int64(r.next())}
		for _, to := range [...]*int{&e.symbols, &e.rest, &e.series, &e.counts.Samples, &e.counts.Histograms, &e.counts.Exemplars, &e.points} {
			*to = r.count()
		}
		e.since, e.newest = time.UnixMilli(r.nextSigned()), r.nextSigned()
	}
	if r.bad || e.batch == 0 || e.kind != kindData && e.kind != kindCommit {
		return errEntry
	}
	return nil
}

// varints reads numbers one after the other.
type varints struct {
	buf []byte
	bad bool
}

func (r *varints) next() uint64 {
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.bad, r.buf = true, nil
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// count reads a number of things, of which a record doesn't have many.
func (r *varints) count() int {
	n := r.next()
	if n > math.MaxInt32 {
		r.bad = true
		return 0
	}
	return int(n)
}

// nextSigned reads a zigzag number.
func (r *varints) nextSigned() int64 {
	v := r.next()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *varints) text() string {
	n := r.next()
	if n > uint64(len(r.buf)) {
		r.bad, r.buf = true, nil
		return ""
	}
	text := string(r.buf[:n])
	r.buf = r.buf[n:]
	return text
}

// newRecords are what one payload has written down. Their memory is used again.
type newRecords struct {
	list    []newRecord
	records []segmentlog.Record
	at      []segmentlog.Position
	memory  []byte // of metas and bodies
	raw     []byte
}

// newRecord is what a payload appended to a batch.
type newRecord struct {
	batch *Batch
	after stored // what the log has of the batch when it has the record
	meta  int    // where it begins in the memory
	body  int
	end   int
}

func (p *newRecords) reset() {
	clear(p.list)
	p.list, p.memory = p.list[:0], p.memory[:0]
	if cap(p.memory) > maxKeptMemory {
		p.memory = nil
	}
	if cap(p.raw) > maxKeptMemory {
		p.raw = nil
	}
}

// maxKeptMemory bounds what is kept for the next payload.
const maxKeptMemory = 8 << 20

// add takes over what the open batch of a shard got that the log doesn't have.
func (p *newRecords) add(s *Shard) {
	b := s.open
	if b == nil || s.queue.log == nil || b.Series == b.stored.series {
		return
	}
	before := &b.stored
	symbols, rest := s.encoder.since(before.symbols, before.bytes)
	e := entry{
		kind: kindData, route: s.route.headers, generation: s.generation.number, shard: uint32(s.index), batch: b.number,
		record: before.records, message: b.Message, previous: before.last, symbols: len(symbols), rest: len(rest),
		series: b.Series - before.series, counts: b.Counts.Sub(before.counts), points: b.Points - before.points,
		since: b.Since, newest: b.Newest,
	}
	added := newRecord{batch: b, meta: len(p.memory)}
	p.memory = e.appendTo(p.memory)
	added.body = len(p.memory)
	p.raw = append(append(p.raw[:0], symbols...), rest...)
	p.memory = appendSnappy(p.memory, p.raw)
	added.end = len(p.memory)
	added.after = stored{
		records: before.records + 1, symbols: before.symbols + len(symbols), bytes: before.bytes + len(rest),
		series: b.Series, points: b.Points, counts: b.Counts, newest: b.Newest, payloads: len(b.payloads),
	}
	p.list = append(p.list, added)
}

// appendSnappy compresses raw to the end of a buffer.
func appendSnappy(buf, raw []byte) []byte {
	at := len(buf)
	need := at + s2.MaxEncodedLen(len(raw))
	if cap(buf) < need {
		grown := make([]byte, at, max(need, 2*cap(buf)))
		copy(grown, buf)
		buf = grown
	}
	return buf[:at+len(s2.EncodeSnappy(buf[at:need], raw))]
}

// prepare returns the records, and where their positions go.
func (p *newRecords) prepare() ([]segmentlog.Record, []segmentlog.Position) {
	p.records, p.at = p.records[:0], p.at[:0]
	for i := range p.list {
		x := &p.list[i]
		p.records = append(p.records, segmentlog.Record{Meta: p.memory[x.meta:x.body], Body: p.memory[x.body:x.end]})
		p.at = append(p.at, segmentlog.Position{})
	}
	return p.records, p.at
}
