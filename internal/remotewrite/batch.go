package remotewrite

import (
	"errors"
	"fmt"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/segmentlog"
)

// MaxSeries is the most series that one request holds, whatever their size; in 1.0 the classic series of the last histogram
// may be beyond it.
const MaxSeries = 10_000

// Batch is one request, ready to be sent.
type Batch struct {
	Message Message
	// Body is the encoded message, compressed (snappy, block format). A batch that [Shard.Next] returned has one.
	Body []byte

	Series int
	Counts Counts
	Points int // OTLP data points, see [Series.Points]
	// Since is when the oldest of it was queued.
	Since time.Time
	// Newest is the highest timestamp in it, Unix milliseconds.
	Newest int64

	payloads []*Payload
	number   uint64 // within its shard
	stored   stored // what of it the log has
	// commits: when it is done, so is the batch of its number.
	commits bool
	// derived: made of another batch, which is what the log has.
	derived bool
	// cut: the log has more of it, but no more that can be read.
	cut bool
	// apart: it shares no series with the other parts of what it was made of.
	apart bool
}

// stored is what the log has of a batch.
type stored struct {
	records uint32
	first   uint64 // segment of the first record, 0: there is none
	last    segmentlog.Position
	// What the encoder had, and how much of the batch that is.
	symbols, bytes int
	series, points int
	counts         Counts
	newest         int64
	payloads       int
}

// count counts a series that was added as what it became.
func (b *Batch) count(s *Series, c Counts) {
	b.Series += c.sendable()
	b.Counts = b.Counts.Add(c)
	b.Points += s.Points
	b.Newest = max(b.Newest, s.Timestamp)
}

// fallBack makes the batch what the log has of it.
func (b *Batch) fallBack() {
	s := &b.stored
	b.Body = nil
	b.Series, b.Counts, b.Points, b.Newest = s.series, s.counts, s.points, s.newest
	b.payloads = b.payloads[:s.payloads]
}

// forgettable reports whether the log has the body.
func (b *Batch) forgettable() bool { return b.stored.first != 0 && !b.derived && !b.cut }

// settle tells the payloads that have something in the batch what became of it. Called with the queue's lock.
func (b *Batch) settle(err error) {
	for _, p := range b.payloads {
		p.settle(err)
	}
}

// ErrCannotSplit is returned for a batch of one series.
var ErrCannotSplit = errors.New("a single series cannot be split")

// Split returns a batch in two, in order: half of its series each, or of the samples where they are all of one series.
// The batch itself stays as it is. It fails with [ErrCannotSplit], or where the body is not what its message says.
func (b *Batch) Split() (first, second *Batch, err error) {
	if b.Series < 2 {
		return nil, nil, ErrCannotSplit
	}
	series, err := b.decode()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot split a batch: %w", err)
	}
	one, two, apart := halves(series)
	first, second = b.encode(newEncoder(b.Message, true), one), b.encode(newEncoder(b.Message, true), two)
	first.apart, second.apart = apart && (b.apart || !b.derived), apart && (b.apart || !b.derived)
	// Which series stood for a data point is not in the message: the points go with the second half, which is settled last.
	first.Points, second.Points = 0, b.Points
	return first, second, nil
}

// halves parts series in two that have none in common, and reports false where there is only one.
func halves(series []Series) (first, second []Series, apart bool) {
	numbers := make(map[string]int, len(series))
	number := make([]int, len(series))
	var key []byte
	for i := range series {
		key = key[:0]
		for _, l := range series[i].Labels {
			key = append(append(append(append(key, l.Name...), 0xff), l.Value...), 0xff)
		}
		n, ok := numbers[string(key)]
		if !ok {
			n = len(numbers)
			numbers[string(key)] = n
		}
		number[i] = n
	}
	if len(numbers) < 2 {
		return series[:len(series)/2], series[len(series)/2:], false
	}
	for i := range series {
		if number[i] < len(numbers)/2 {
			first = append(first, series[i])
		} else {
			second = append(second, series[i])
		}
	}
	return first, second, true
}

// Transcode returns the batch as another message; metadata asks for it in 1.0. Start times are lost on the way to 1.0,
// which has no place for them; native histograms with custom buckets become classic series there. It fails where the body is
// not what its message says.
func (b *Batch) Transcode(to Message, metadata bool) (*Batch, error) {
	series, err := b.decode()
	if err != nil {
		return nil, fmt.Errorf("cannot turn a %s into a %s: %w", b.Message, to, err)
	}
	out := b.encode(newEncoder(to, metadata), series)
	out.apart = b.apart || !b.derived
	return out, nil
}

// encode makes a batch like b of some of its series.
func (b *Batch) encode(e encoder, series []Series) *Batch {
	out := &Batch{Message: e.message(), Since: b.Since, payloads: b.payloads, derived: true}
	for i := range series {
		out.count(&series[i], e.add(&series[i]))
	}
	out.Points = b.Points
	out.Body = e.take()
	return out
}

// Derived reports whether the batch is a part or a translation of another.
func (b *Batch) Derived() bool { return b.derived }

// Apart reports whether the batch shares no series with the other parts of what it was made of.
func (b *Batch) Apart() bool { return b.apart }
