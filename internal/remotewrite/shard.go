package remotewrite

import "sync"

// maxInfos bounds what a shard remembers of the targets it saw. When it is full it forgets them all: the price is at
// most one repeated sample each.
const maxInfos = 1 << 16

// shard is the queue of the series whose key falls to it.
type shard struct {
	queue *Queue
	wake  chan struct{}

	mu       sync.Mutex
	encoders map[Message]encoder
	// open is the batch that series are added to; encoder holds its body. Its Series is 0 where there is none.
	open    Batch
	encoder encoder
	sealed  []*Batch // oldest first
	// infos holds the newest timestamp of each [Series.Info] series, by key.
	infos map[uint64]int64
}

func (s *shard) init(q *Queue) {
	s.queue = q
	s.wake = make(chan struct{}, 1)
	s.encoders = make(map[Message]encoder, 2)
	s.infos = make(map[uint64]int64)
}

// add queues the series of a payload that fall to this shard, the index-th.
func (s *shard) add(in *arrival, index int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := false
	for i := range in.Len() {
		if in.Key(i)%uint64(len(s.queue.shards)) != uint64(index) {
			continue
		}
		if series := in.At(i); !s.repeats(series) {
			s.append(in, series)
			added = true
		}
	}
	if !added {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// repeats reports whether a constant about a target is no news. Where several payloads describe one target, the older
// one would be out of order, and a 1.0 receiver may refuse the whole request for it.
func (s *shard) repeats(series *Series) bool {
	if !series.Info {
		return false
	}
	if last, ok := s.infos[series.Key]; ok && series.Timestamp <= last {
		return true
	}
	if len(s.infos) >= maxInfos {
		clear(s.infos)
	}
	s.infos[series.Key] = series.Timestamp
	return false
}

func (s *shard) append(in *arrival, series *Series) {
	if s.open.Series > 0 && (s.open.Series >= MaxSeries || !s.fits(in, series)) {
		s.seal()
	}
	if s.open.Series == 0 {
		s.open = Batch{Message: in.message, Since: in.now}
		s.encoder = s.encoderFor(in.message)
	}
	before := s.encoder.size()
	counts := s.encoder.add(series)
	s.queue.bytes.Add(int64(s.encoder.size() - before))
	s.queue.samples.Add(int64(counts.Samples + counts.Histograms))
	s.open.Series += counts.Samples + counts.Histograms
	s.open.Counts = s.open.Counts.Add(counts)
	s.open.Points += series.Points
	if n := len(s.open.payloads); n == 0 || s.open.payloads[n-1] != in.payload {
		in.payload.parts.Add(1)
		s.open.payloads = append(s.open.payloads, in.payload)
	}
}

// fits reports whether the open batch has room for a series. Near its end only is the series' own bound looked at.
func (s *shard) fits(in *arrival, series *Series) bool {
	size, limit := s.encoder.size(), s.queue.config.MaxBatchBytes
	return size+in.largest <= limit || size+series.sizeBound() <= limit
}

func (s *shard) encoderFor(m Message) encoder {
	e, ok := s.encoders[m]
	if !ok {
		e = newEncoderWith(m, s.queue.config.Metadata, &s.queue.scratch)
		s.encoders[m] = e
	}
	return e
}

// seal finishes the open batch.
func (s *shard) seal() {
	b := s.open
	s.open = Batch{}
	raw := s.encoder.size()
	b.Body = s.encoder.take()
	// The encoder is as small as it was before the batch's first series.
	s.queue.bytes.Add(int64(len(b.Body) + s.encoder.size() - raw))
	s.sealed = append(s.sealed, &b)
}

func (s *shard) head() *Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sealed) == 0 {
		if s.open.Series == 0 {
			return nil
		}
		s.seal()
	}
	return s.sealed[0]
}

func (s *shard) replace(batches []*Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.sealed[0]
	delta, samples := -len(old.Body), -old.Counts.Samples-old.Counts.Histograms
	for _, b := range batches {
		delta += len(b.Body)
		samples += b.Counts.Samples + b.Counts.Histograms
	}
	s.queue.bytes.Add(int64(delta))
	s.queue.samples.Add(int64(samples))
	for _, p := range old.payloads {
		p.parts.Add(int32(len(batches) - 1))
	}
	s.sealed = append(append(make([]*Batch, 0, len(batches)+len(s.sealed)-1), batches...), s.sealed[1:]...)
}

func (s *shard) done(err error) {
	s.mu.Lock()
	b := s.sealed[0]
	s.sealed[0] = nil
	s.sealed = s.sealed[1:]
	s.mu.Unlock()
	s.queue.bytes.Add(-int64(len(b.Body)))
	s.queue.samples.Add(-int64(b.Counts.Samples + b.Counts.Histograms))
	for _, p := range b.payloads {
		p.settle(err)
	}
}
