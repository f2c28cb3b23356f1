package spanstore

import (
	"encoding/binary"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/segmentlog"
)

// Left is what an engine left behind.
type Left struct {
	store    *Store
	requests []request
	// decided is what is known of traces: wasDropped, or how many spans went out.
	decided map[ID]int64
	damaged int
}

type request struct {
	position segmentlog.Position
	at       int64
}

const wasDropped = -1

func (l *Left) request(f segmentlog.Found) {
	if len(f.Meta) != 8 {
		return
	}
	at := int64(binary.LittleEndian.Uint64(f.Meta))
	l.requests = append(l.requests, request{f.Position, at})
	l.store.requests.note(f.Segment, at)
}

func (l *Left) decision(p segmentlog.Position) {
	meta, body, err := l.store.decisions.log.Read(p)
	if err != nil { // damaged: these are decided again
		l.damaged++
		return
	}
	var id ID
	switch meta[0] {
	case kindDropped:
		for ; len(body) >= idSize; body = body[idSize:] {
			copy(id[:], body)
			if l.decided[id] == 0 {
				l.decided[id] = wasDropped
			}
		}
	case kindSent:
		for ; len(body) >= sentSize; body = body[sentSize:] {
			copy(id[:], body)
			l.decided[id] = max(l.decided[id], 0) + int64(binary.LittleEndian.Uint32(body[idSize:]))
		}
	}
}

// Empty reports whether nothing is left.
func (l *Left) Empty() bool { return len(l.requests) == 0 }

// Oldest returns when the oldest request arrived; there has to be one.
func (l *Left) Oldest() time.Time {
	oldest := l.requests[0].at
	for _, r := range l.requests {
		oldest = min(oldest, r.at)
	}
	return time.UnixMilli(oldest)
}

// Dropped reports whether a trace was dropped.
func (l *Left) Dropped(id *ID) bool { return l.decided[*id] == wasDropped }

// TakeSent reports whether the next span of a trace is one that went out. It is to be asked for each span in the order of
// the requests.
func (l *Left) TakeSent(id *ID) bool {
	n := l.decided[*id]
	if n <= 0 {
		return false
	}
	l.decided[*id] = n - 1
	if n == 1 {
		delete(l.decided, *id)
	}
	return true
}

// SentTraces calls f for each trace of which spans went out.
func (l *Left) SentTraces(f func(id *ID)) {
	for id, n := range l.decided {
		if n > 0 {
			f(&id)
		}
	}
}

// Requests calls f for each request, oldest first, and returns how many were damaged.
func (l *Left) Requests(f func(at time.Time, body []byte)) int {
	damaged := l.damaged
	for _, r := range l.requests {
		_, body, err := l.store.requests.log.Read(r.position)
		if err != nil {
			damaged++
			continue
		}
		f(time.UnixMilli(r.at), body)
	}
	return damaged
}
