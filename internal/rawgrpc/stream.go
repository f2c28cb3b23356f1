package rawgrpc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/net/http2"
)

// streamWindow is what a client may send of a call before it hears that more is welcome: all of an ordinary message.
const streamWindow = 1 << 20

// prefixSize is that of the flag and the length before a message.
const prefixSize = 5

// piecesMax is in how many pieces a message may lie in the read buffer: frames of a byte each would take more memory for
// their slices than for what is in them. Those of ordinary frames are fewer.
const piecesMax = 256

// stream is a call that has begun. It is protected by its connection's lock.
type stream struct {
	id      uint32
	path    string
	method  Method
	ctx     context.Context
	timeout time.Duration // the client's, 0 for none
	started time.Time
	ended   bool // the client has sent all
	running bool // its method runs apart
	cancel  context.CancelFunc
	// abandoned: the stream was reset while its method ran, which comes back to nobody.
	abandoned bool

	declared   int64 // content-length, -1 where there is none
	data       int64 // bytes of data so far
	window     int64 // what the client may still send
	sendWindow int64 // what it takes

	message   Message
	prefix    [prefixSize]byte
	prefixLen int
	length    int // of the message, known once the prefix is

	// The first of the message's pieces are this stream's own memory, the others lie in the read buffer.
	own      []*[]byte
	reserved int64 // of the room, for own
}

func (c *conn) newStream(id uint32) *stream {
	var s *stream
	if n := len(c.spare); n > 0 {
		s, c.spare = c.spare[n-1], c.spare[:n-1]
	} else {
		s = &stream{}
	}
	s.id, s.started, s.window, s.sendWindow = id, c.now, streamWindow, c.peerWindow
	c.streams[id] = s
	return s
}

// spareStreams is how many streams a connection keeps to use again.
const spareStreams = 16

// forget ends a stream.
func (c *conn) forget(s *stream) {
	delete(c.streams, s.id)
	if c.quiet = c.now; s.running {
		c.quiet = time.Now()
	}
	s.release(c.server.options.Room)
	if len(c.spare) < spareStreams {
		c.spare = append(c.spare, s)
	}
}

var (
	errCutOff      = errors.New("the call ended before its message")
	errMore        = errors.New("the call has more than one message")
	errBrokenOff   = errors.New("the sender broke off")
	errNotReceived = errors.New("the message did not arrive in time")
	errNoRoom      = errors.New("too many requests are being received: send again later")
)

// take adds data to the message.
func (s *stream) take(p []byte, o *Options) (Refusal, error) {
	if s.prefixLen < prefixSize {
		n := copy(s.prefix[s.prefixLen:], p)
		s.prefixLen += n
		p = p[n:]
		if s.prefixLen < prefixSize {
			return 0, nil
		}
		if why, err := s.readPrefix(o); err != nil {
			return why, err
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	if s.message.size += len(p); s.message.size > s.length {
		return RefusedFraming, errMore
	}
	s.message.pieces = append(s.message.pieces, p)
	if len(s.message.pieces)-len(s.own) >= piecesMax && !s.detach(o.Room) {
		return RefusedNoRoom, errNoRoom
	}
	return 0, nil
}

func (s *stream) readPrefix(o *Options) (Refusal, error) {
	s.length = int(binary.BigEndian.Uint32(s.prefix[1:]))
	switch {
	case s.prefix[0] == 0:
		s.message.Encoding = ""
	case s.prefix[0] != 1:
		return RefusedFraming, fmt.Errorf("the message's flag must be 0 or 1 (got %d)", s.prefix[0])
	case s.message.Encoding == "":
		return RefusedFraming, errors.New("the message is compressed, but grpc-encoding does not say how")
	}
	if s.length > o.MessageMax {
		return RefusedTooLarge, fmt.Errorf("the message has %d bytes, at most %d are taken", s.length, o.MessageMax)
	}
	return 0, nil
}

// complete tells whether the message is there, once the client has sent all.
func (s *stream) complete() bool { return s.prefixLen == prefixSize && s.message.size == s.length }

// aliases tells whether pieces of the message lie in the read buffer.
func (s *stream) aliases() bool { return len(s.message.pieces) > len(s.own) }

// detach copies what lies in the read buffer to memory of its own. It returns false where there is no room for it.
func (s *stream) detach(room Room) bool {
	pieces := s.message.pieces
	rest := pieces[len(s.own):]
	size := 0
	for _, p := range rest {
		size += len(p)
	}
	if size == 0 {
		s.message.pieces = pieces[:len(s.own)]
		return true
	}
	if len(s.own) > 0 { // what the last one has left is used first
		last := &pieces[len(s.own)-1]
		for len(rest) > 0 && len(*last) < cap(*last) {
			n := copy((*last)[len(*last):cap(*last)], rest[0])
			*last = (*last)[:len(*last)+n]
			size -= n
			if rest[0] = rest[0][n:]; len(rest[0]) == 0 {
				rest = rest[1:]
			}
		}
	}
	if size == 0 {
		s.message.pieces = pieces[:len(s.own)]
		return true
	}
	reserve := int64(roundUp(size))
	if !room.TryAcquire(reserve) {
		return false
	}
	s.reserved += reserve
	buf := takeBuffer(size)
	own := (*buf)[:0:reserve]
	for _, p := range rest {
		own = append(own, p...)
	}
	s.own = append(s.own, buf)
	s.message.pieces = append(pieces[:len(s.own)-1], own)
	return true
}

// release gives the stream's memory back.
func (s *stream) release(room Room) {
	for _, buf := range s.own {
		giveBuffer(buf)
	}
	if s.reserved > 0 {
		room.Release(s.reserved)
	}
	clear(s.own)
	clear(s.message.pieces)
	own, pieces := s.own[:0], s.message.pieces[:0]
	if cap(own)+cap(pieces) > 2*piecesMax { // a large message that came bit by bit
		own, pieces = nil, nil
	}
	*s = stream{own: own, message: Message{pieces: pieces}}
}

// onData takes a DATA frame. It returns a connection error.
func (c *conn) onData(f frame) error {
	if f.stream == 0 {
		return connError(http2.ErrCodeProtocol)
	}
	if c.received += int64(len(f.payload)); c.received >= connWindow/2 {
		c.out = appendWindowUpdate(c.out, 0, uint32(c.received))
		c.received = 0
	}
	size := int64(len(f.payload))
	p, err := f.unpad()
	if err != nil {
		return err
	}
	s := c.streams[f.stream]
	if s == nil || s.ended {
		return c.onStray(f, s)
	}
	if s.window -= size; s.window < 0 {
		return connError(http2.ErrCodeFlowControl)
	}
	s.data += int64(len(p))
	s.ended = f.has(http2.FlagDataEndStream)
	if why, err := s.take(p, &c.server.options); err != nil {
		c.refuse(s, why, err)
		return nil
	}
	if s.ended {
		c.finish(s)
		return nil
	}
	if s.window < streamWindow/2 {
		c.out = appendWindowUpdate(c.out, s.id, uint32(streamWindow-s.window))
		s.window = streamWindow
	}
	return nil
}

// onStray takes DATA of a stream that is over. What was under way when a call was refused is left alone.
func (c *conn) onStray(f frame, s *stream) error {
	switch {
	case f.stream > c.lastID:
		return connError(http2.ErrCodeProtocol)
	case s != nil:
		return connError(http2.ErrCodeStreamClosed)
	}
	return nil
}

// finish takes a call that has been sent to its end.
func (c *conn) finish(s *stream) {
	switch {
	case !s.complete():
		c.refuse(s, RefusedFraming, errCutOff)
	case s.declared >= 0 && s.declared != s.data:
		c.reset(s, http2.ErrCodeProtocol)
	case s.method.Waits:
		c.finishApart(s)
	default:
		answer, err := s.method.Take(s.ctx, &s.message)
		c.answer(s, answer, err)
	}
}

// finishApart takes a call whose method may wait.
func (c *conn) finishApart(s *stream) {
	if !s.detach(c.server.options.Room) {
		c.refuse(s, RefusedNoRoom, errNoRoom)
		return
	}
	ctx, cancel := s.callContext()
	s.running, s.cancel = true, cancel
	c.apart.Go(func() {
		defer cancel()
		answer, err := s.method.Take(ctx, &s.message)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.answer(s, answer, err)
		if c.flush() != nil || c.draining {
			c.kick() // the connection's goroutine ends it
		}
	})
}

func (s *stream) abandon() {
	s.abandoned = true
	s.cancel()
}

func (s *stream) callContext() (context.Context, context.CancelFunc) {
	if s.timeout > 0 {
		return context.WithDeadline(s.ctx, s.started.Add(s.timeout))
	}
	return context.WithCancel(s.ctx)
}
