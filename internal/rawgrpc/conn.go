package rawgrpc

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// connWindow is what a client may have under way on a connection; it is opened again as bytes arrive, for what they take
// is bounded otherwise.
const connWindow = 8 << 20

// defaultWindow is HTTP/2's window of streams and connections where nobody has said otherwise.
const defaultWindow = 1<<16 - 1

// conn is a connection. Its goroutine reads; whoever answers a call holds the lock.
type conn struct {
	server *Server
	net    net.Conn
	in     *input
	ctx    context.Context // of its calls
	cancel context.CancelFunc
	apart  sync.WaitGroup // methods that run apart

	// For the watch, in Unix nanoseconds, 0 for none: since when something is being received that has not come whole, since
	// when something is being written, when bytes came last, when keepalive has something to do.
	receiving, writing, lastRead, due atomic.Int64
	// probed, also for the watch: the acknowledgement of a ping is owed.
	probed atomic.Bool

	mu       sync.Mutex // protects all below
	began    time.Time
	now      time.Time // of the last read
	quiet    time.Time // when the last call ended, or the connection began
	answered time.Time // when a call was answered last; zero: none was
	partial  time.Time // of the read that brought the start of a frame whose end is awaited; zero: none is
	hpack    *hpack.Decoder
	block    headerBlock
	streams  map[uint32]*stream // calls that have not been answered
	spare    []*stream
	// lastID is the greatest stream that the client has opened, lastTaken the greatest that was taken: those that come behind
	// a GOAWAY are not.
	lastID, lastTaken uint32

	output     *output
	out        []byte // what is to be written
	data       []byte // of the answer that is being written, kept to be used again
	received   int64  // bytes that the connection's window has not been opened for
	sendWindow int64
	peerWindow int64    // of new streams
	held       []answer // answers that wait for a window
	shrunk     bool     // the client has a smaller header table, which the next block has to confirm
	greeted    bool     // the client's first frame, SETTINGS, was there
	draining   bool     // no new calls
	over       bool     // nothing more is written
	keepalive  keepaliveState
	probe      probe
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{
		server: s, net: nc, in: newInput(nc, s.options.Room, s.options.ReadBuffer), output: newOutput(nc),
		streams: map[uint32]*stream{}, sendWindow: defaultWindow, peerWindow: defaultWindow, began: time.Now(),
	}
	c.now, c.quiet = c.began, c.began
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	if s.options.Connected != nil {
		c.ctx = s.options.Connected(c.ctx, nc)
	}
	c.hpack = hpack.NewDecoder(headerTableDefault, c.onField)
	c.hpack.SetMaxStringLength(headerListMax)
	c.receiving.Store(c.began.UnixNano()) // the preface
	c.lastRead.Store(c.now.UnixNano())
	c.keepalive.begin(c.now, &s.options.Keepalive)
	c.due.Store(c.keepalive.next(c, c.now, &s.options.Keepalive))
	return c
}

// serve reads until the connection ends.
func (c *conn) serve() {
	err := c.greet()
	for err == nil {
		err = c.turn()
	}
	c.end(err)
	c.cancel()
	_ = c.net.Close()
	c.apart.Wait()
	c.in.free()
}

// greet says what is welcome and reads the client's preface.
func (c *conn) greet() error {
	c.mu.Lock()
	c.out = appendSettings(c.out,
		http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: uint32(c.server.options.StreamsMax)},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: headerListMax})
	c.out = appendWindowUpdate(c.out, 0, connWindow-defaultWindow)
	c.mu.Unlock()
	for len(c.in.pending()) < len(http2.ClientPreface) {
		if err := c.read(); err != nil {
			return err
		}
		n := min(len(c.in.pending()), len(http2.ClientPreface))
		if string(c.in.pending()[:n]) != http2.ClientPreface[:n] {
			return connError(http2.ErrCodeProtocol)
		}
	}
	c.in.r += len(http2.ClientPreface)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.takeFrames()
}

// turn reads once and takes what has come whole.
func (c *conn) turn() error {
	if err := c.makeRoom(); err != nil {
		return err
	}
	if err := c.read(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.takeFrames()
}

// read waits for bytes. A kick makes it look after timers instead.
func (c *conn) read() error {
	err := c.in.read()
	now := time.Now()
	switch {
	case err == nil:
		c.lastRead.Store(now.UnixNano())
		c.mu.Lock()
		c.now = now
		c.mu.Unlock()
		return nil
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	}
	if err := c.net.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return c.onTimers(now)
}

// kick interrupts a read.
func (c *conn) kick() { _ = c.net.SetReadDeadline(time.Unix(1, 0)) }

// makeRoom sees to it that a frame fits into the read buffer.
func (c *conn) makeRoom() error {
	empty := len(c.in.pending()) == 0
	if c.in.tail() >= frameMax+frameHeader && !empty {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	aliased := c.aliased()
	if empty && aliased && c.in.tail() >= frameMax+frameHeader {
		return nil
	}
	if aliased {
		c.detachAll()
		if err := c.settle(); err != nil { // calls were refused perhaps
			return err
		}
	}
	c.in.reset()
	return nil
}

func (c *conn) aliased() bool {
	for _, s := range c.streams {
		if s.aliases() {
			return true
		}
	}
	return false
}

// detachAll copies messages out of the read buffer; calls that there is no room for are refused.
func (c *conn) detachAll() {
	for _, s := range c.streams {
		if s.aliases() && !s.detach(c.server.options.Room) {
			c.refuse(s, RefusedNoRoom, errNoRoom)
		}
	}
}

// takeFrames takes the frames that have come whole, and writes what there is to say.
func (c *conn) takeFrames() error {
	moved := false
	for {
		f, size, err := nextFrame(c.in.pending())
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		c.in.r += size
		moved = true
		if err := c.onFrame(f); err != nil {
			return err
		}
		if len(c.held) > c.server.options.StreamsMax { // the client never opens its windows
			return connError(http2.ErrCodeEnhanceYourCalm)
		}
		if len(c.out) >= outKept/2 { // a few bytes may ask for many: a path in the header table that nothing serves
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
	switch {
	case len(c.in.pending()) == 0:
		c.partial = time.Time{}
	case moved || c.partial.IsZero():
		c.partial = c.now
	}
	return c.settle()
}

// settle ends a turn: it tells the watch what is awaited, and writes.
func (c *conn) settle() error {
	c.receiving.Store(c.awaitedSince())
	if err := c.flush(); err != nil {
		return err
	}
	return c.drained()
}

// awaitedSince returns since when something is being received that has not come whole, 0 for nothing.
func (c *conn) awaitedSince() int64 {
	oldest := int64(0)
	note := func(t time.Time) {
		if at := t.UnixNano(); oldest == 0 || at < oldest {
			oldest = at
		}
	}
	if !c.greeted {
		note(c.began)
	}
	if !c.partial.IsZero() {
		note(c.partial)
	}
	if c.block.stream != 0 {
		note(c.block.began)
	}
	for _, s := range c.streams {
		if !s.ended {
			note(s.started)
		}
	}
	return oldest
}

// flush writes what there is to be written. The lock is held.
func (c *conn) flush() error {
	if c.over {
		c.out = c.out[:0]
		return net.ErrClosed
	}
	if len(c.out) == 0 {
		return nil
	}
	c.acknowledgeProbe()
	c.writing.Store(time.Now().UnixNano())
	err := c.output.write(c.out)
	c.writing.Store(0)
	c.over = err != nil
	if cap(c.out) > outKept {
		c.out = nil
	}
	c.out = c.out[:0]
	return err
}

// outKept is what a connection keeps of its write buffer.
const outKept = 16 << 10
