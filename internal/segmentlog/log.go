package segmentlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"

	"github.com/prometheus/prometheus/tsdb/fileutil"
)

// Config says where a log is.
type Config struct {
	// Dir is made where there is none. One log at a time may use it.
	Dir string
	// SegmentBytes is about how large a segment grows; what is appended at once is never split.
	SegmentBytes int64
}

// Log is a log that is open.
type Log struct {
	config Config
	lock   fileutil.Releaser
	buf    []byte

	mu       sync.RWMutex
	segments []*segment // oldest first
	// current is the segment that is appended to, the last one; nil: the next Append makes one.
	current *segment
	next    uint64
	size    int64
	// dead are segments whose files could not be removed yet.
	dead []*segment
	// grown: the directory has another file since the last Sync.
	grown bool
}

// segment is one file. Its file is open for as long as it is part of the log.
type segment struct {
	number uint64
	seed   uint32 // of the checksums
	file   *os.File
	size   int64
	dirty  bool // appended to since the last Sync
}

const suffix = ".log"

func segmentName(number uint64, seed uint32) string {
	return fmt.Sprintf("%016x-%08x%s", number, seed, suffix)
}

// Append appends records in one write, and fills at, which is as long, with where they are. When it returns without an error they outlive the
// process. An error of the disk leaves the log as it was; a kill within may leave some of them.
func (l *Log) Append(records []Record, at []Position) error {
	total := int64(0)
	for i := range records {
		if len(records[i].Meta) > maxMeta {
			return fmt.Errorf("cannot append a record with %d bytes of meta, %d are the most", len(records[i].Meta), maxMeta)
		}
		total += records[i].size()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil && l.current.size > 0 && l.current.size+total > l.config.SegmentBytes {
		l.current = nil
	}
	if l.current == nil {
		if err := l.grow(); err != nil {
			return err
		}
	}
	s := l.current
	l.buf = l.buf[:0]
	for i := range records {
		l.buf = appendRecord(l.buf, &records[i], s.seed)
	}
	if _, err := s.file.WriteAt(l.buf, s.size); err != nil {
		// What was written of it must not be found later, or the log must not go on behind it.
		if s.file.Truncate(s.size) != nil {
			l.current = nil
		}
		return fmt.Errorf("cannot append to %q: %w", s.file.Name(), err)
	}
	offset := s.size
	for i := range records {
		at[i] = Position{Segment: s.number, Offset: offset}
		offset += records[i].size()
	}
	s.size, s.dirty = offset, true
	l.size += total
	if cap(l.buf) > maxKept {
		l.buf = nil
	}
	return nil
}

// maxKept bounds the memory that is kept for the next Append.
const maxKept = 8 << 20

// grow starts a segment.
func (l *Log) grow() error {
	seed := rand.Uint32()
	path := filepath.Join(l.config.Dir, segmentName(l.next, seed))
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("cannot start a segment: %w", err)
	}
	l.current = &segment{number: l.next, seed: seed, file: file}
	l.grown = true
	l.segments = append(l.segments, l.current)
	l.next++
	return nil
}

// Roll has the next Append start a segment.
func (l *Log) Roll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = nil
}

// Read returns the meta and the body of a record. It fails with [ErrDamaged] or [ErrGone], or an error of the disk.
func (l *Log) Read(p Position) (meta, body []byte, err error) {
	s := l.find(p.Segment)
	if s == nil {
		return nil, nil, ErrGone
	}
	var fixed [headSize]byte
	if _, err := s.file.ReadAt(fixed[:], p.Offset); err != nil {
		return nil, nil, s.readError(p, err)
	}
	h, ok := parseHead(fixed[:], s.seed)
	if !ok {
		return nil, nil, ErrDamaged
	}
	n := h.meta + h.body
	if info, err := s.file.Stat(); err != nil || p.Offset+headSize+int64(n) > info.Size() {
		return nil, nil, ErrDamaged
	}
	buf := make([]byte, n)
	if _, err := s.file.ReadAt(buf, p.Offset+headSize); err != nil {
		return nil, nil, s.readError(p, err)
	}
	meta, body = buf[:h.meta], buf[h.meta:]
	if !h.covers(meta) || checksum(body, s.seed) != h.bodySum {
		return nil, nil, ErrDamaged
	}
	return meta, body, nil
}

func (s *segment) readError(p Position, err error) error {
	if errors.Is(err, os.ErrClosed) {
		return ErrGone
	}
	return fmt.Errorf("cannot read %q at %d: %w", s.file.Name(), p.Offset, err)
}

func (l *Log) find(number uint64) *segment {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, s := range l.segments {
		if s.number == number {
			return s
		}
	}
	return nil
}

// Size returns how many bytes the segments have.
func (l *Log) Size() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.size
}

// Oldest returns the number of the first segment, 0 where there is none.
func (l *Log) Oldest() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.segments) == 0 {
		return 0
	}
	return l.segments[0].number
}

// Newest returns the number of the last segment, 0 where there is none.
func (l *Log) Newest() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.segments) == 0 {
		return 0
	}
	return l.segments[len(l.segments)-1].number
}

// RemoveThrough removes the segments up to one, that one too.
func (l *Log) RemoveThrough(number uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := l.dead
	for len(l.segments) > 0 && l.segments[0].number <= number {
		s := l.segments[0]
		l.segments[0] = nil
		l.segments = l.segments[1:]
		l.size -= s.size
		if s == l.current {
			l.current = nil
		}
		gone = append(gone, s)
	}
	l.dead = nil
	var errs []error
	for _, s := range gone {
		if err := os.Remove(s.file.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
			l.dead = append(l.dead, s) // with the next
			continue
		}
		errs = append(errs, s.file.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot remove a segment: %w", err)
	}
	return nil
}

// Sync has the kernel write to the disk what was appended.
func (l *Log) Sync() error {
	l.mu.Lock()
	grown := l.grown
	l.grown = false
	var dirty []*segment
	for _, s := range l.segments {
		if s.dirty {
			s.dirty = false
			dirty = append(dirty, s)
		}
	}
	l.mu.Unlock()
	var errs []error
	for _, s := range dirty {
		if err := s.file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
			l.mu.Lock()
			s.dirty = true
			l.mu.Unlock()
		}
	}
	if grown {
		if err := syncDirectory(l.config.Dir); err != nil {
			errs = append(errs, err)
			l.mu.Lock()
			l.grown = true
			l.mu.Unlock()
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot sync the log: %w", err)
	}
	return nil
}

// syncDirectory has the names of new files on the disk.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close lets go of the files and the directory. It doesn't sync.
func (l *Log) Close() error {
	var errs []error
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range append(l.segments, l.dead...) {
		errs = append(errs, s.file.Close())
	}
	l.segments, l.current = nil, nil
	return errors.Join(append(errs, l.lock.Release())...)
}
