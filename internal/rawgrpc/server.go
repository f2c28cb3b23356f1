package rawgrpc

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Method is a unary method.
type Method struct {
	// Take takes a whole message and returns the encoded answer, of [AnswerMax] bytes at most, or an error that is told as its
	// gRPC status. The message is valid until Take returns.
	Take func(ctx context.Context, m *Message) ([]byte, error)
	// Waits says that Take may wait for others. It gets a goroutine for each call then, else it runs on the connection's.
	Waits bool
}

// AnswerMax is how long an answer may be: it is written in one frame.
const AnswerMax = frameMax - prefixSize

// Room bounds the memory of messages that are being received. Its methods are called from any goroutine.
type Room interface {
	TryAcquire(bytes int64) bool
	Release(bytes int64)
}

// Refusal is why a call was refused before its method was asked, a closed set.
type Refusal uint8

const (
	// RefusedFraming: the data is not one gRPC message.
	RefusedFraming Refusal = iota
	// RefusedTooLarge: the message is larger than MessageMax.
	RefusedTooLarge
	// RefusedEncoding: the message is compressed in a way that is not among Encodings.
	RefusedEncoding
	// RefusedNotReceived: the message did not arrive, within ReceiveTimeout or before its sender broke off.
	RefusedNotReceived
	// RefusedNoRoom: Room had none.
	RefusedNoRoom
)

// Options are what a server is made of.
type Options struct {
	// Methods by path: "/package.Service/Method".
	Methods map[string]Method
	// Encodings are the names of compressions that methods understand.
	Encodings []string
	// MessageMax is the most bytes of a message as it is sent.
	MessageMax int
	// StreamsMax is how many calls a client may have under way on a connection.
	StreamsMax int
	// ReadBuffer is the size of read buffers, rounded up to 64 KiB, 256 KiB or 1 MiB. Idle connections have none.
	ReadBuffer int
	// ReceiveTimeout bounds how long a message may take to arrive, and a write to be taken.
	ReceiveTimeout time.Duration
	Keepalive      Keepalive
	Room           Room
	// TLS is nil for plain text.
	TLS *tls.Config
	// Connected returns the context of a connection's calls; nil: that of the server.
	Connected func(ctx context.Context, c net.Conn) context.Context
	// Admit is asked when a call's headers are there, before any of its message; nil: everybody is admitted. Its context is
	// that of the call.
	Admit func(ctx context.Context, headers map[string][]string) (context.Context, error)
	// Refused is told of every refusal; its error is what the client is told.
	Refused func(call Call, why Refusal, err error) error
}

// Call is a call that was refused.
type Call struct {
	// Context is its connection's, from Connected.
	Context context.Context
	// Path is one of Methods.
	Path string
	// UserAgent is what its header of that name says, Bytes how large its message says that it is; 0 where it did not come to that.
	UserAgent string
	Bytes     int
}

// Server serves methods on connections.
type Server struct {
	options   Options
	encodings map[string]bool
	ctx       context.Context // of all calls, until Stop is over
	cancel    context.CancelFunc
	stopping  atomic.Bool
	done      chan struct{} // closed when Stop begins
	serving   sync.WaitGroup

	mu       sync.Mutex // protects all below
	listener net.Listener
	conns    map[*conn]struct{}
}

// New returns a server.
func New(o Options) *Server {
	s := &Server{options: o, encodings: map[string]bool{"": true, "identity": true}, conns: map[*conn]struct{}{}, done: make(chan struct{})}
	for _, name := range o.Encodings {
		s.encodings[name] = true
	}
	s.options.ReadBuffer = roundUp(max(o.ReadBuffer, readBufferMin))
	s.options.Keepalive.setDefaults()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Serve takes connections until Stop, when it returns nil, or until accepting fails for good.
func (s *Server) Serve(l net.Listener) error {
	if s.options.TLS != nil {
		l = tls.NewListener(l, s.options.TLS)
	}
	s.mu.Lock()
	s.listener = l
	if s.stopping.Load() {
		_ = l.Close()
	} else { // under the lock: Stop waits for it
		s.serving.Go(s.watch)
	}
	s.mu.Unlock()
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			s.serve(nc)
		case s.stopping.Load():
			return nil
		case isTemporary(err):
			s.pause()
		default:
			return err
		}
	}
}

// acceptPause is how long accepting waits when the system has no more connections to give.
const acceptPause = 50 * time.Millisecond

func (s *Server) pause() {
	timer := time.NewTimer(acceptPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
	}
}

func isTemporary(err error) bool {
	var temporary interface{ Temporary() bool }
	return errors.As(err, &temporary) && temporary.Temporary()
}

func (s *Server) serve(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		_ = nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.serving.Go(func() {
		c.serve()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	})
}

// each calls f for every connection.
func (s *Server) each(f func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		f(c)
	}
}

// stopAfter is how long methods that were cut off have to come back.
const stopAfter = time.Second

// Stop takes no more calls, lets those end that have begun, until ctx is done, and cuts off the others. It may be called
// once.
func (s *Server) Stop(ctx context.Context) {
	s.stopping.Store(true)
	close(s.done)
	s.mu.Lock()
	if s.listener != nil {
		_ = s.listener.Close()
	}
	s.mu.Unlock()
	s.each((*conn).kick)
	ended := make(chan struct{})
	go func() {
		s.serving.Wait()
		close(ended)
	}()
	defer s.cancel()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	s.cancel()
	s.each(func(c *conn) { _ = c.net.Close() })
	timer := time.NewTimer(stopAfter)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C: // a method does not come back, though its context is done
	}
}
