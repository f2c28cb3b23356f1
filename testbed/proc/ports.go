package proc

import (
	"fmt"
	"net"
	"sync"
)

var handedOut struct {
	sync.Mutex
	ports map[string]bool
}

// FreeAddress returns an address of 127.0.0.1 that nobody listens on, another one at each call. Nothing holds it: another
// program may take it before it is used.
func FreeAddress() (string, error) {
	handedOut.Lock()
	defer handedOut.Unlock()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		address := l.Addr().String()
		if err := l.Close(); err != nil {
			return "", err
		}
		if !handedOut.ports[address] {
			if handedOut.ports == nil {
				handedOut.ports = map[string]bool{}
			}
			handedOut.ports[address] = true
			return address, nil
		}
	}
	return "", fmt.Errorf("cannot find a free port that was not handed out before")
}
