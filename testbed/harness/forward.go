package harness

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Forwarder passes connections on to a server, and counts the bytes that go there.
type Forwarder struct {
	Address string
	to      string
	sent    atomic.Int64
}

// Forward listens on an address of its own until the test ends.
func Forward(t testing.TB, to string) *Forwarder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &Forwarder{Address: l.Addr().String(), to: to}
	var connections sync.WaitGroup
	t.Cleanup(func() {
		// What is connected ends when its client does.
		_ = l.Close()
		connections.Wait()
	})
	connections.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { f.pass(client) })
		}
	})
	return f
}

// Sent is how many bytes clients sent so far.
func (f *Forwarder) Sent() int64 { return f.sent.Load() }

// pass copies both ways until one side ends.
func (f *Forwarder) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", f.to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		// An end of the server's is the client's to see.
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	_, _ = io.Copy(server, io.TeeReader(client, (*counter)(&f.sent)))
}

// counter counts what is written.
type counter atomic.Int64

func (c *counter) Write(b []byte) (int, error) {
	(*atomic.Int64)(c).Add(int64(len(b)))
	return len(b), nil
}
