package rawgrpc

import (
	"io"
	"time"

	"golang.org/x/net/http2"
)

// probeWithin is how soon after an answer a ping counts as a probe of the connection's speed. gRPC's Go client sends one
// behind every answer, as soon as the last one was acknowledged: to wake it for each acknowledgement took as many system
// calls as to answer. A probe's acknowledgement goes out with what is written next, or when the watch comes by; that of
// any other ping, which keepalive may wait for, at once.
const probeWithin = 100 * time.Millisecond

// probe is a ping that has not been acknowledged.
type probe struct {
	owed bool
	data [8]byte
}

func (c *conn) onPing(f frame) error {
	switch {
	case f.stream != 0:
		return connError(http2.ErrCodeProtocol)
	case len(f.payload) != 8:
		return connError(http2.ErrCodeFrameSize)
	case f.has(http2.FlagPingAck):
		return nil // that something was read is all that keepalive asks for
	}
	if !c.probe.owed && c.now.Sub(c.answered) < probeWithin {
		c.probe = probe{true, [8]byte(f.payload)}
		c.probed.Store(true)
	} else {
		c.acknowledgeProbe()
		c.out = appendPing(c.out, http2.FlagPingAck, f.payload)
	}
	if c.keepalive.tooManyPings(c.now, len(c.streams) > 0, &c.server.options.Keepalive) {
		c.out = appendGoAway(c.out, c.lastTaken, http2.ErrCodeEnhanceYourCalm, "too_many_pings")
		return io.EOF
	}
	return nil
}

// acknowledgeProbe puts what is owed behind what is to be written: a client that has read an answer first sends no probe
// for it.
func (c *conn) acknowledgeProbe() {
	if c.probe.owed {
		c.out = appendPing(c.out, http2.FlagPingAck, c.probe.data[:])
		c.probe.owed = false
		c.probed.Store(false)
	}
}
