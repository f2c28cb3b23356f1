package rawgrpc

import (
	"time"

	"golang.org/x/net/http2"
)

// The watch looks at all connections from time to time, so that no call needs a timer of its own.
const (
	watchMin = 5 * time.Millisecond
	watchMax = time.Second
)

func (s *Server) watch() {
	ticker := time.NewTicker(min(max(s.options.ReceiveTimeout/4, watchMin), watchMax))
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			s.each(func(c *conn) { c.check(now, s.options.ReceiveTimeout) })
		case <-s.done:
			return
		}
	}
}

// check interrupts a connection that waits for too long.
func (c *conn) check(now time.Time, timeout time.Duration) {
	overdue := func(since int64) bool { return since != 0 && now.UnixNano()-since > int64(timeout) }
	if overdue(c.writing.Load()) {
		_ = c.net.SetWriteDeadline(now)
	}
	if due := c.due.Load(); overdue(c.receiving.Load()) || due != 0 && now.UnixNano() >= due || c.probed.Load() {
		c.kick()
	}
}

// onTimers does what is due.
func (c *conn) onTimers(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	overdue := func(since time.Time) bool { return now.Sub(since) > c.server.options.ReceiveTimeout }
	if !c.greeted && overdue(c.began) || !c.partial.IsZero() && overdue(c.partial) || c.block.stream != 0 && overdue(c.block.began) {
		return errNotReceived
	}
	for _, s := range c.streams {
		if !s.ended && overdue(s.started) {
			c.refuse(s, RefusedNotReceived, errNotReceived)
		}
	}
	if c.server.stopping.Load() {
		c.drain()
	}
	c.acknowledgeProbe()
	if err := c.keepalive.onTimer(c, now, &c.server.options.Keepalive); err != nil {
		return err
	}
	return c.settle()
}

// drain takes no more calls on the connection.
func (c *conn) drain() {
	if !c.draining {
		c.draining = true
		c.out = appendGoAway(c.out, c.lastTaken, http2.ErrCodeNo, "")
	}
}
