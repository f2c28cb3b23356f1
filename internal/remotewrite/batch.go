package remotewrite

import (
	"errors"
	"fmt"
	"time"
)

// MaxSeries is the most series that one request holds, whatever their size; in 1.0 the classic series of the last histogram
// may be beyond it.
const MaxSeries = 10_000

// Batch is one request, ready to be sent.
type Batch struct {
	Message Message
	// Body is the encoded message, compressed (snappy, block format).
	Body []byte

	Series int
	Counts Counts
	Points int // OTLP data points, see [Series.Points]
	// Since is when the oldest of it was queued.
	Since time.Time

	payloads []*Payload
}

// ErrCannotSplit is returned for a batch of one series.
var ErrCannotSplit = errors.New("a single series cannot be split")

// Split returns the two halves of a batch, in order. The batch itself stays as it is.
// It fails with [ErrCannotSplit], or where the body is not what its message says.
func (b *Batch) Split() (first, second *Batch, err error) {
	if b.Series < 2 {
		return nil, nil, ErrCannotSplit
	}
	series, err := b.decode()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot split a batch: %w", err)
	}
	half := len(series) / 2
	first, second = b.encode(newEncoder(b.Message, true), series[:half]), b.encode(newEncoder(b.Message, true), series[half:])
	// Which series stood for a data point is not in the message: the points go with the second half, which is settled last.
	first.Points, second.Points = 0, b.Points
	return first, second, nil
}

// Transcode returns the batch as another message; metadata asks for it in 1.0. Start times are lost on the way to 1.0,
// which has no place for them; native histograms with custom buckets become classic series there. It fails where the body is not what its message says.
func (b *Batch) Transcode(to Message, metadata bool) (*Batch, error) {
	series, err := b.decode()
	if err != nil {
		return nil, fmt.Errorf("cannot turn a %s into a %s: %w", b.Message, to, err)
	}
	return b.encode(newEncoder(to, metadata), series), nil
}

// encode makes a batch like b of some of its series.
func (b *Batch) encode(e encoder, series []Series) *Batch {
	out := &Batch{Message: e.message(), Points: b.Points, Since: b.Since, payloads: b.payloads}
	for i := range series {
		added := e.add(&series[i])
		out.Series += added.Samples + added.Histograms
		out.Counts = out.Counts.Add(added)
	}
	out.Body = e.take()
	return out
}
