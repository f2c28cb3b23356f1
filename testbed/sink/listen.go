package sink

import (
	"cmp"
	"fmt"
	"net"
	"sync"
)

// listener keeps one address over times in which nobody listens on it.
type listener struct {
	mu      sync.Mutex
	address string
	serve   func(net.Listener) (stop func())
	stop    func() // nil while down
}

// open listens on an address; empty: on a free port of 127.0.0.1.
func open(address string, serve func(net.Listener) (stop func())) (*listener, error) {
	l := &listener{address: cmp.Or(address, "127.0.0.1:0"), serve: serve}
	return l, l.Up()
}

// Address is host:port of the sink; it stays the same while the sink is down.
func (l *listener) Address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address
}

// Up listens again on the sink's address.
func (l *listener) Up() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		return nil
	}
	nl, err := net.Listen("tcp", l.address)
	if err != nil {
		return fmt.Errorf("cannot listen on %q: %w", l.address, err)
	}
	l.address = nl.Addr().String()
	l.stop = l.serve(nl)
	return nil
}

// Down stops listening and breaks all connections; what was received before is kept.
func (l *listener) Down() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		l.stop()
		l.stop = nil
	}
}

// Close ends the sink.
func (l *listener) Close() { l.Down() }
