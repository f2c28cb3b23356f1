package rawgrpc

import (
	"errors"
	"io"
	"time"

	"golang.org/x/net/http2"
)

// drained ends a connection that takes no new calls when the last has been answered.
func (c *conn) drained() error {
	if c.draining && len(c.streams) == 0 && len(c.held) == 0 {
		return io.EOF
	}
	return nil
}

// end says why the connection ends. Calls whose message was being received are refused, which nobody hears.
func (c *conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		if !s.running {
			c.unanswered(s, RefusedNotReceived, errBrokenOff)
		}
	}
	if broken, ok := errors.AsType[connError](err); ok {
		c.out = appendGoAway(c.out, c.lastTaken, http2.ErrCode(broken), "")
	}
	if c.flush() == nil {
		c.linger()
	}
	c.over = true
}

// linger lets the client read why the connection ends: closing it with bytes unread would take that from it.
func (c *conn) linger() {
	if half, ok := c.net.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.net.SetReadDeadline(time.Now().Add(lingerMax))
	buf := make([]byte, 4<<10)
	for range lingerReads {
		if _, err := c.net.Read(buf); err != nil {
			return
		}
	}
}

const (
	lingerMax   = 100 * time.Millisecond
	lingerReads = 1 << 10
)
