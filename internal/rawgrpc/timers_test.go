package rawgrpc

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// pipeListener gives a server one end of pipes, whose time is the bubble's.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{} }

// inBubble runs a test with a connected peer, which has read the server's greeting.
func inBubble(t *testing.T, o Options, test func(t *testing.T, p *peer)) {
	synctest.Test(t, func(t *testing.T) {
		room := &testRoom{}
		room.max.Store(1 << 20)
		o.ReadBuffer = 256 << 10
		o.Methods, o.MessageMax, o.StreamsMax, o.Room = map[string]Method{echoPath: {Take: echo}}, 1<<20, 10, room
		o.Refused = func(_ Call, _ Refusal, err error) error { return err }
		l := &pipeListener{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
		s := New(o)
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		client, server := net.Pipe()
		l.conns <- server
		p := &peer{t: t, net: client, Framer: http2.NewFramer(client, client)}
		p.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		p.encoder = hpack.NewEncoder(&p.block)
		greeted := make(chan struct{})
		go func() {
			defer close(greeted)
			_, _ = io.WriteString(client, http2.ClientPreface)
			_ = p.WriteSettings()
		}()
		for range 3 { // settings, window, acknowledgement
			_, err := p.ReadFrame()
			require.NoError(t, err)
		}
		<-greeted
		synctest.Wait()
		require.Zero(t, room.used.Load(), "an idle connection has no buffer")
		test(t, p)
		_ = client.Close()
		s.Stop(t.Context())
		require.NoError(t, <-served)
		require.Zero(t, room.used.Load())
	})
}

// after returns how the connection ended and how long that took.
func after(p *peer) (string, time.Duration) {
	began := time.Now()
	outcome := p.outcome(1)
	return outcome, time.Since(began)
}

func TestAMessageThatTricklesIsRefusedInTime(t *testing.T) {
	inBubble(t, Options{ReceiveTimeout: 30 * time.Second}, func(t *testing.T, p *peer) {
		p.open(1, callHeaders...)
		require.NoError(t, p.WriteData(1, false, message(make([]byte, 100))[:50]))
		outcome, took := after(p)
		require.Equal(t, "status 2", outcome)
		require.InDelta(t, 31, took.Seconds(), 1)
	})
}

func TestAFrameThatTricklesEndsTheConnection(t *testing.T) {
	inBubble(t, Options{ReceiveTimeout: 30 * time.Second}, func(t *testing.T, p *peer) {
		_, err := p.net.Write([]byte{0, 0, 8, byte(http2.FramePing), 0})
		require.NoError(t, err)
		outcome, took := after(p)
		require.Equal(t, "closed", outcome)
		require.InDelta(t, 31, took.Seconds(), 1)
	})
}

func TestIdleAndOldConnectionsEnd(t *testing.T) {
	for name, k := range map[string]Keepalive{
		"idle": {MaxConnectionIdle: time.Hour},
		"old":  {MaxConnectionAge: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{ReceiveTimeout: time.Minute, Keepalive: k}, func(t *testing.T, p *peer) {
				outcome, took := after(p)
				require.Equal(t, "goaway NO_ERROR ", outcome)
				require.InDelta(t, 60, took.Minutes(), 6.1)
				require.Equal(t, "closed", p.outcome(1))
			})
		})
	}
}

// TestAnsweredPingsAreNoCalls: a connection that is kept alive is idle all the same.
func TestAnsweredPingsAreNoCalls(t *testing.T) {
	k := Keepalive{MaxConnectionIdle: time.Hour, Time: 10 * time.Minute}
	inBubble(t, Options{ReceiveTimeout: time.Minute, Keepalive: k}, func(t *testing.T, p *peer) {
		time.Sleep(5 * time.Minute)
		p.open(1, callHeaders...)
		require.NoError(t, p.WriteData(1, true, message(nil)))
		require.Equal(t, "status 0", p.outcome(1))
		began := time.Now()
		for range 100 {
			f, err := p.ReadFrame()
			require.NoError(t, err)
			if _, ended := f.(*http2.GoAwayFrame); ended {
				require.InDelta(t, 60, time.Since(began).Minutes(), 1)
				return
			}
			require.IsType(t, &http2.PingFrame{}, f)
			require.NoError(t, p.WritePing(true, [8]byte{}))
		}
		t.Fatal("it is never idle")
	})
}

func TestASilentClientIsPingedAndCutOff(t *testing.T) {
	inBubble(t, Options{ReceiveTimeout: time.Minute, Keepalive: Keepalive{Time: time.Hour, Timeout: 10 * time.Second}}, func(t *testing.T, p *peer) {
		for range 2 { // as long as it answers it stays
			f, err := p.ReadFrame()
			require.NoError(t, err)
			require.IsType(t, &http2.PingFrame{}, f)
			require.NoError(t, p.WritePing(true, [8]byte{}))
		}
		f, err := p.ReadFrame()
		require.NoError(t, err)
		require.IsType(t, &http2.PingFrame{}, f)
		outcome, took := after(p)
		require.Equal(t, "closed", outcome)
		require.InDelta(t, 11, took.Seconds(), 1)
	})
}
