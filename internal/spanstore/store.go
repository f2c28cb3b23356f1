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

// Sent is how many spans of a trace went out at a time.
type Sent struct {
	ID    ID
	Spans uint32
}

const (
	requestSegment  = 32 << 20
	decisionSegment = 4 << 20

	kindDropped = 'd'
	kindSent    = 's'

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

// Append stores a request that arrived at a time. Where it fails the request may be accepted nevertheless: a kill would lose it.
func (s *Store) Append(at time.Time, request []byte) error {
	var meta [8]byte
	ms := at.UnixMilli()
	binary.LittleEndian.PutUint64(meta[:], uint64(ms))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.makeRoom(int64(len(request))); err != nil {
		s.failed.Add(1)
		return err
	}
	if err := s.requests.append(meta[:], request, ms); err != nil {
		s.failed.Add(1)
		return fmt.Errorf("cannot store a request: %w", err)
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

// Sent stores that spans went out, or were given up.
func (s *Store) Sent(now time.Time, sent []Sent) error {
	body := make([]byte, 0, len(sent)*sentSize)
	for i := range sent {
		body = append(body, sent[i].ID[:]...)
		body = binary.LittleEndian.AppendUint32(body, sent[i].Spans)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.decide(kindSent, now, body)
}

// Flush stores which traces were dropped.
func (s *Store) Flush(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dropped) == 0 {
		return nil
	}
	err := s.decide(kindDropped, now, s.dropped)
	s.dropped = s.dropped[:0]
	return err
}

func (s *Store) decide(kind byte, now time.Time, body []byte) error {
	var meta [9]byte
	meta[0] = kind
	ms := now.UnixMilli()
	binary.LittleEndian.PutUint64(meta[1:], uint64(ms))
	if err := s.decisions.append(meta[:], body, ms); err != nil {
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
	left := &Left{store: s, decided: map[ID]int64{}}
	var err error
	s.requests.log, _, err = segmentlog.Open(segmentlog.Config{Dir: filepath.Join(dir, "requests"), SegmentBytes: requestSegment}, left.request)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the log of requests: %w", err)
	}
	var decisions []segmentlog.Position
	s.decisions.log, _, err = segmentlog.Open(segmentlog.Config{Dir: filepath.Join(dir, "decisions"), SegmentBytes: decisionSegment}, func(f segmentlog.Found) {
		if len(f.Meta) == 9 {
			decisions = append(decisions, f.Position)
			s.decisions.note(f.Segment, int64(binary.LittleEndian.Uint64(f.Meta[1:])))
		}
	})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("cannot open the log of decisions: %w", err), s.requests.log.Close())
	}
	for _, p := range decisions {
		left.decision(p)
	}
	return s, left, nil
}
