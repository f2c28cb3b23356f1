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
	dropped  map[ID]struct{}      // and not sent
	sent     map[inContext]uint32 // how many spans went out
	contexts map[string]uint32
	damaged  int
}

type request struct {
	position segmentlog.Position
	at       int64
}

// inContext is the spans of a trace that came in one context, by the number of Left.contexts.
type inContext struct {
	id      ID
	context uint32
}

func newLeft(s *Store) *Left {
	return &Left{store: s, dropped: map[ID]struct{}{}, sent: map[inContext]uint32{}, contexts: map[string]uint32{}}
}

// number numbers contexts, so that each is held once.
func (l *Left) number(context string) uint32 {
	n, known := l.contexts[context]
	if !known {
		n = uint32(len(l.contexts))
		l.contexts[context] = n
	}
	return n
}

func (l *Left) request(f segmentlog.Found) {
	if len(f.Meta) < requestMeta {
		return
	}
	at := int64(binary.LittleEndian.Uint64(f.Meta))
	l.requests = append(l.requests, request{f.Position, at})
	l.store.requests.note(f.Segment, at)
}

// decide takes in what was decided.
func (l *Left) decide(decisions []segmentlog.Position) {
	for _, p := range decisions {
		l.decision(p)
	}
	for p := range l.sent {
		delete(l.dropped, p.id)
	}
}

func (l *Left) decision(p segmentlog.Position) {
	meta, body, err := l.store.decisions.log.Read(p)
	if err != nil { // damaged: these are decided again
		l.damaged++
		return
	}
	switch meta[0] {
	case kindDropped:
		for ; len(body) >= idSize; body = body[idSize:] {
			l.dropped[ID(body[:idSize])] = struct{}{}
		}
	case kindSent:
		of := inContext{context: l.number(string(meta[decisionMeta:]))}
		for ; len(body) >= sentSize; body = body[sentSize:] {
			copy(of.id[:], body)
			l.sent[of] += binary.LittleEndian.Uint32(body[idSize:])
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
func (l *Left) Dropped(id *ID) bool {
	_, dropped := l.dropped[*id]
	return dropped
}

// TakeSent reports whether the next span of a trace in a request is one that went out. It is to be asked for each span in the
// order of the requests.
func (l *Left) TakeSent(id *ID, r *Request) bool {
	of := inContext{*id, r.context}
	n := l.sent[of]
	switch n {
	case 0:
		return false
	case 1:
		delete(l.sent, of)
	default:
		l.sent[of] = n - 1
	}
	return true
}

// SentTraces calls f for each trace of which spans went out, once for each context.
func (l *Left) SentTraces(f func(id *ID)) {
	for of := range l.sent {
		f(&of.id)
	}
}

// Request is a request that is left.
type Request struct {
	At time.Time
	// Context is that of [Store.Append].
	Context string
	Body    []byte

	context uint32
}

// Requests calls f for each request, oldest first, and returns how many were damaged.
func (l *Left) Requests(f func(*Request)) int {
	damaged := l.damaged
	for _, r := range l.requests {
		meta, body, err := l.store.requests.log.Read(r.position)
		if err != nil {
			damaged++
			continue
		}
		context := string(meta[requestMeta:])
		f(&Request{At: time.UnixMilli(r.at), Context: context, Body: body, context: l.number(context)})
	}
	return damaged
}
