package spanstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/segmentlog"
)

// ID is a trace id.
type ID = [16]byte

// ContextMax is how many bytes of a context can be stored.
const ContextMax = 60 << 10

// Sent is how many spans of a trace went out at a time, all of one context.
type Sent struct {
	ID    ID
	Spans uint32
}

const (
	requestSegment  = 32 << 20
	decisionSegment = 4 << 20

	kindDropped = 'd'
	kindSent    = 's'

	requestMeta  = 8 // without the context
	decisionMeta = 9 // without the context

	idSize   = 16
	sentSize = 20
)

// Store is open for one engine.
type Store struct {
	bytesMax int64

	mu        sync.Mutex // protects all below
	requests  part
	decisions part
	dropped   []byte // ids since the last Flush
	meta      []byte // of the record that is being written

	// Failed counts what could not be written: requests and decisions that a kill would lose.
	failed atomic.Uint64
	// evicted counts segments of requests that left before their time because the store was full.
	evicted atomic.Uint64
}

// part is a log and the times of its segments.
type part struct {
	log   *segmentlog.Log
	spans []timespan // of the segments, oldest first
}

// timespan is the earliest and the latest time of a segment's records, Unix milliseconds.
type timespan struct {
	segment          uint64
	earliest, latest int64
}

// note notes that a record of a time is in a segment, the last one or a new one.
func (p *part) note(segment uint64, at int64) {
	if n := len(p.spans); n == 0 || p.spans[n-1].segment != segment {
		p.spans = append(p.spans, timespan{segment, at, at})
		return
	}
	last := &p.spans[len(p.spans)-1]
	last.earliest, last.latest = min(last.earliest, at), max(last.latest, at)
}

func (p *part) append(meta, body []byte, at int64) error {
	var position [1]segmentlog.Position
	if err := p.log.Append([]segmentlog.Record{{Meta: meta, Body: body}}, position[:]); err != nil {
		return err
	}
	p.note(position[0].Segment, at)
	return nil
}

// removeBefore removes the oldest segments whose records are all from before a time.
func (p *part) removeBefore(at int64) error {
	n := 0
	for n < len(p.spans) && p.spans[n].latest < at {
		n++
	}
	return p.remove(n)
}

func (p *part) remove(n int) error {
	if n == 0 {
		return nil
	}
	through := p.spans[n-1].segment
	p.spans = p.spans[n:]
	return p.log.RemoveThrough(through)
}

// Append stores a request that arrived at a time, and its context, "" where it has none. Where it fails the request may be accepted
// nevertheless: a kill would lose it.
func (s *Store) Append(at time.Time, context string, request []byte) error {
	ms := at.UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	err := checkContext(context)
	if err == nil {
		err = s.makeRoom(int64(len(context) + len(request)))
	}
	if err != nil {
		s.failed.Add(1)
		return err
	}
	s.meta = binary.LittleEndian.AppendUint64(s.meta[:0], uint64(ms))
	s.meta = append(s.meta, context...)
	if err := s.requests.append(s.meta, request, ms); err != nil {
		s.failed.Add(1)
		return fmt.Errorf("cannot store a request: %w", err)
	}
	return nil
}

func checkContext(context string) error {
	if len(context) > ContextMax {
		return fmt.Errorf("cannot store a context of %d bytes, %d are the most", len(context), ContextMax)
	}
	return nil
}

// makeRoom removes the oldest requests where the store is full.
func (s *Store) makeRoom(n int64) error {
	for s.requests.log.Size()+n > s.bytesMax && len(s.requests.spans) > 1 {
		s.evicted.Add(1)
		if err := s.requests.remove(1); err != nil {
			return err
		}
	}
	return nil
}

// Dropped notes that a trace was dropped; it is stored by the next Flush.
func (s *Store) Dropped(id *ID) {
	s.mu.Lock()
	s.dropped = append(s.dropped, id[:]...)
	s.mu.Unlock()
}

// Sent stores that spans of a context went out, or were given up.
func (s *Store) Sent(now time.Time, context string, sent []Sent) error {
	body := make([]byte, 0, len(sent)*sentSize)
	for i := range sent {
		body = append(body, sent[i].ID[:]...)
		body = binary.LittleEndian.AppendUint32(body, sent[i].Spans)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.decide(kindSent, now, context, body)
}

// Flush stores which traces were dropped.
func (s *Store) Flush(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dropped) == 0 {
		return nil
	}
	err := s.decide(kindDropped, now, "", s.dropped)
	s.dropped = s.dropped[:0]
	return err
}

func (s *Store) decide(kind byte, now time.Time, context string, body []byte) error {
	if err := checkContext(context); err != nil {
		s.failed.Add(1)
		return err
	}
	ms := now.UnixMilli()
	s.meta = append(s.meta[:0], kind)
	s.meta = binary.LittleEndian.AppendUint64(s.meta, uint64(ms))
	s.meta = append(s.meta, context...)
	if err := s.decisions.append(s.meta, body, ms); err != nil {
		s.failed.Add(1)
		return fmt.Errorf("cannot store decisions: %w", err)
	}
	return nil
}

// Trim removes what no trace needs any more: the requests that arrived before a time, and the decisions from before the
// oldest request that is left.
func (s *Store) Trim(before time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.requests.removeBefore(before.UnixMilli())
	oldest := before.UnixMilli()
	if len(s.requests.spans) > 0 {
		oldest = s.requests.spans[0].earliest
	}
	return errors.Join(err, s.decisions.removeBefore(oldest))
}

// Stats is how the store stands.
type Stats struct {
	// Bytes on disk.
	Bytes int64
	// Failed requests and decisions could not be written; Evicted segments of requests left before their time because the store
	// was full: a kill would lose them.
	Failed, Evicted uint64
}

// Stats returns how the store stands.
func (s *Store) Stats() Stats {
	return Stats{Bytes: s.requests.log.Size() + s.decisions.log.Size(), Failed: s.failed.Load(), Evicted: s.evicted.Load()}
}

// Close closes the files; what is in them stays.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.requests.log.Close(), s.decisions.log.Close())
}

// Open opens the store of a directory, which is made where there is none, and returns what an engine left there. It fails where the directory can't
// be used, or another store uses it. bytesMax bounds the requests in it.
func Open(dir string, bytesMax int64) (*Store, *Left, error) {
	s := &Store{bytesMax: bytesMax}
	left := newLeft(s)
	var err error
	s.requests.log, _, err = segmentlog.Open(segmentlog.Config{Dir: filepath.Join(dir, "requests"), SegmentBytes: requestSegment}, left.request)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the log of requests: %w", err)
	}
	var decisions []segmentlog.Position
	s.decisions.log, _, err = segmentlog.Open(segmentlog.Config{Dir: filepath.Join(dir, "decisions"), SegmentBytes: decisionSegment}, func(f segmentlog.Found) {
		if len(f.Meta) >= decisionMeta {
			decisions = append(decisions, f.Position)
			s.decisions.note(f.Segment, int64(binary.LittleEndian.Uint64(f.Meta[1:])))
		}
	})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("cannot open the log of decisions: %w", err), s.requests.log.Close())
	}
	left.decide(decisions)
	return s, left, nil
}
