package rawgrpc

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"golang.org/x/net/http2"
)

// headerTableDefault is HPACK's table where nobody has said otherwise.
const headerTableDefault = 4096

// onFrame takes a frame. It returns an error that ends the connection.
func (c *conn) onFrame(f frame) error {
	if !c.greeted && f.kind != http2.FrameSettings {
		return connError(http2.ErrCodeProtocol)
	}
	if c.block.stream != 0 && (f.kind != http2.FrameContinuation || f.stream != c.block.stream) {
		return connError(http2.ErrCodeProtocol)
	}
	switch f.kind {
	case http2.FrameData:
		return c.onData(f)
	case http2.FrameHeaders:
		return c.onHeaders(f)
	case http2.FrameContinuation:
		return c.onContinuation(f)
	case http2.FrameRSTStream:
		return c.onReset(f)
	case http2.FrameSettings:
		return c.onSettings(f)
	case http2.FramePing:
		return c.onPing(f)
	case http2.FrameWindowUpdate:
		return c.onWindowUpdate(f)
	case http2.FramePriority:
		return onPriority(f)
	case http2.FrameGoAway:
		if f.stream != 0 {
			return connError(http2.ErrCodeProtocol)
		}
	case http2.FramePushPromise:
		return connError(http2.ErrCodeProtocol)
	}
	return nil // other kinds are to be ignored
}

func onPriority(f frame) error {
	switch {
	case f.stream == 0:
		return connError(http2.ErrCodeProtocol)
	case len(f.payload) != 5:
		return connError(http2.ErrCodeFrameSize)
	case binary.BigEndian.Uint32(f.payload)&math.MaxInt32 == f.stream: // it depends on itself
		return connError(http2.ErrCodeProtocol)
	}
	return nil
}

func (c *conn) onReset(f frame) error {
	switch {
	case len(f.payload) != 4:
		return connError(http2.ErrCodeFrameSize)
	case f.stream == 0 || f.stream > c.lastID:
		return connError(http2.ErrCodeProtocol)
	}
	s := c.streams[f.stream]
	switch {
	case s == nil: // its answer may wait for a window that nobody opens any more
		c.held = slices.DeleteFunc(c.held, func(a answer) bool { return a.stream == f.stream })
	case s.running:
		s.abandon()
	default:
		c.unanswered(s, RefusedNotReceived, errBrokenOff)
	}
	return nil
}

func (c *conn) onSettings(f frame) error {
	switch {
	case f.stream != 0:
		return connError(http2.ErrCodeProtocol)
	case f.has(http2.FlagSettingsAck) && len(f.payload) > 0 || len(f.payload)%6 != 0:
		return connError(http2.ErrCodeFrameSize)
	case f.has(http2.FlagSettingsAck):
		return nil
	}
	c.greeted = true
	window := c.peerWindow // the last one counts: a frame may hold thousands, and there may be as many streams
	for p := f.payload; len(p) > 0; p = p[6:] {
		setting := http2.Setting{ID: http2.SettingID(binary.BigEndian.Uint16(p)), Val: binary.BigEndian.Uint32(p[2:])}
		if broken, ok := errors.AsType[http2.ConnectionError](setting.Valid()); ok {
			return connError(broken)
		}
		switch setting.ID {
		case http2.SettingHeaderTableSize: // a decoder may insist on it, though nothing is in the table (RFC 7541, 4.2)
			c.shrunk = c.shrunk || setting.Val < headerTableDefault
		case http2.SettingInitialWindowSize:
			window = int64(setting.Val)
		}
	}
	if err := c.resizeWindows(window); err != nil {
		return err
	}
	c.out = appendFrameHeader(c.out, 0, http2.FrameSettings, http2.FlagSettingsAck, 0)
	c.release()
	return nil
}

// resizeWindows changes the send windows of all streams, those that are open included (RFC 9113, 6.9.2).
func (c *conn) resizeWindows(size int64) error {
	by := size - c.peerWindow
	c.peerWindow = size
	for _, s := range c.streams {
		if s.sendWindow += by; s.sendWindow > math.MaxInt32 {
			return connError(http2.ErrCodeFlowControl)
		}
	}
	for i := range c.held {
		if c.held[i].window += by; c.held[i].window > math.MaxInt32 {
			return connError(http2.ErrCodeFlowControl)
		}
	}
	return nil
}

func (c *conn) onWindowUpdate(f frame) error {
	if len(f.payload) != 4 {
		return connError(http2.ErrCodeFrameSize)
	}
	by := int64(binary.BigEndian.Uint32(f.payload) & math.MaxInt32)
	if f.stream == 0 {
		if by == 0 {
			return connError(http2.ErrCodeProtocol)
		}
		if c.sendWindow += by; c.sendWindow > math.MaxInt32 {
			return connError(http2.ErrCodeFlowControl)
		}
		c.release()
		return nil
	}
	if f.stream > c.lastID {
		return connError(http2.ErrCodeProtocol)
	}
	if s := c.streams[f.stream]; s != nil {
		if by == 0 {
			c.reset(s, http2.ErrCodeProtocol)
		} else if s.sendWindow += by; s.sendWindow > math.MaxInt32 {
			c.reset(s, http2.ErrCodeFlowControl)
		}
		return nil
	}
	for i := range c.held {
		if a := &c.held[i]; a.stream == f.stream {
			if a.window += by; a.window > math.MaxInt32 {
				return connError(http2.ErrCodeFlowControl)
			}
			c.release()
			return nil
		}
	}
	return nil
}
