package segmentlog

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/prometheus/tsdb/fileutil"
)

// Damage is what Open could not read.
type Damage struct {
	// Regions is how many places were not records, Bytes how much that was.
	Regions int
	Bytes   int64
}

// Found is a record that was there before. Its body was not looked at.
type Found struct {
	Position
	Meta []byte // valid during the visit
	Body int    // size
	// Written is when the segment was last appended to.
	Written time.Time
}

// Open opens the log of a directory and shows the records that it has, oldest first. It fails where the directory cannot
// be used or another log uses it; damage is no failure.
func Open(config Config, visit func(Found)) (*Log, Damage, error) {
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return nil, Damage{}, fmt.Errorf("cannot make the directory: %w", err)
	}
	lock, _, err := fileutil.Flock(filepath.Join(config.Dir, "lock"))
	if err != nil {
		return nil, Damage{}, fmt.Errorf("cannot lock %q, does another process use it?: %w", config.Dir, err)
	}
	l := &Log{config: config, lock: lock, next: 1}
	damage, err := l.load(visit)
	if err != nil {
		return nil, Damage{}, errors.Join(err, l.Close())
	}
	return l, damage, nil
}

func (l *Log) load(visit func(Found)) (Damage, error) {
	segments, err := listSegments(l.config.Dir)
	if err != nil {
		return Damage{}, err
	}
	var damage Damage
	for _, s := range segments {
		file, err := os.OpenFile(filepath.Join(l.config.Dir, segmentName(s.number, s.seed)), os.O_RDWR, 0)
		if err != nil {
			return damage, fmt.Errorf("cannot open a segment: %w", err)
		}
		s.file = file
		l.segments = append(l.segments, s)
		info, err := file.Stat()
		if err != nil {
			return damage, fmt.Errorf("cannot open a segment: %w", err)
		}
		s.size = info.Size()
		l.size += s.size
		l.next = s.number + 1
		if err := s.scan(info.ModTime(), visit, &damage); err != nil {
			return damage, err
		}
	}
	return damage, nil
}

// Scan shows the records of the segments from one to another. What is damaged is left out.
func (l *Log) Scan(from, to uint64, visit func(Found)) error {
	l.mu.RLock()
	segments := slices.Clone(l.segments)
	l.mu.RUnlock()
	for _, s := range segments {
		if s.number < from || s.number > to {
			continue
		}
		var damage Damage
		info, err := s.file.Stat()
		if err == nil {
			err = (&segment{number: s.number, seed: s.seed, file: s.file, size: info.Size()}).scan(info.ModTime(), visit, &damage)
		}
		if err != nil && !errors.Is(err, os.ErrClosed) {
			return fmt.Errorf("cannot read a segment: %w", err)
		}
	}
	return nil
}

// maxNumber bounds the number of a segment: beyond it a file is none of the log's.
const maxNumber = 1 << 62

func listSegments(dir string) ([]*segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list the segments: %w", err)
	}
	var out []*segment
	for _, e := range entries {
		var s segment
		_, err := fmt.Sscanf(e.Name(), "%016x-%08x"+suffix, &s.number, &s.seed)
		if err == nil && e.Name() == segmentName(s.number, s.seed) && s.number > 0 && s.number < maxNumber {
			out = append(out, &s)
		}
	}
	slices.SortFunc(out, func(a, b *segment) int { return cmp.Compare(a.number, b.number) })
	return out, nil
}

// scan shows the records of a segment, and goes on at the next sound one where there is none.
func (s *segment) scan(written time.Time, visit func(Found), damage *Damage) error {
	r := &reader{file: s.file, seed: s.seed, buf: bufio.NewReaderSize(io.NewSectionReader(s.file, 0, 1<<62), 64<<10)}
	damaged := false
	for at := int64(0); at < s.size; {
		meta, body, ok, err := r.head(s.size)
		if err != nil {
			return fmt.Errorf("cannot read %q at %d: %w", s.file.Name(), at, err)
		}
		next := at + align
		if ok {
			next = at + padded(len(meta), body)
			visit(Found{Position: Position{s.number, at}, Meta: meta, Body: body, Written: written})
		} else {
			if !damaged {
				damage.Regions++
			}
			damage.Bytes += min(next, s.size) - at
		}
		damaged = !ok
		at = next
		r.seek(at)
	}
	return nil
}

// reader reads heads at places of a file, most of them close to each other.
type reader struct {
	file *os.File
	seed uint32
	buf  *bufio.Reader
	at   int64 // where the next byte of buf is in the file
	meta []byte
}

// seek goes to a place at or behind the last.
func (r *reader) seek(to int64) {
	if skip := to - r.at; skip >= 0 && skip <= int64(r.buf.Buffered()) {
		_, _ = r.buf.Discard(int(skip)) // it is buffered
		r.at = to
		return
	}
	r.buf.Reset(io.NewSectionReader(r.file, to, 1<<62-to))
	r.at = to
}

// head returns the meta and the size of the body of the record at the reader's place, false where there is no sound one.
// It doesn't move.
func (r *reader) head(end int64) (meta []byte, body int, ok bool, err error) {
	fixed, err := r.buf.Peek(headSize)
	if errors.Is(err, io.EOF) {
		return nil, 0, false, nil
	}
	if err != nil {
		return nil, 0, false, err
	}
	h, ok := parseHead(fixed, r.seed)
	if !ok || r.at+headSize+int64(h.meta)+int64(h.body) > end {
		return nil, 0, false, nil
	}
	if cap(r.meta) < h.meta {
		r.meta = make([]byte, h.meta)
	}
	r.meta = r.meta[:h.meta]
	if near, err := r.buf.Peek(headSize + h.meta); err == nil {
		copy(r.meta, near[headSize:])
	} else if _, err := r.file.ReadAt(r.meta, r.at+headSize); err != nil {
		return nil, 0, false, err
	}
	return r.meta, h.body, h.covers(r.meta), nil
}
