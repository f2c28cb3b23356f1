package rawgrpc

import (
	"io"
	"net"
	"syscall"
)

// output writes to a connection.
type output struct {
	conn net.Conn
	raw  syscall.RawConn // nil where the connection has none

	// Of one write: they are fields, and ready is made once, so that writing does not allocate.
	ready func(fd uintptr) bool
	rest  []byte
	err   error
}

func newOutput(c net.Conn) *output {
	out := &output{conn: c, raw: rawConn(c)}
	out.ready = out.writeDescriptor
	return out
}

func (out *output) write(p []byte) error {
	if out.raw == nil {
		_, err := out.conn.Write(p)
		return err
	}
	out.rest, out.err = p, nil
	if err := out.raw.Write(out.ready); err != nil {
		return err
	}
	out.rest = nil
	return out.err
}

// writeDescriptor writes what the socket takes; it returns false where that was not all.
func (out *output) writeDescriptor(fd uintptr) bool {
	for len(out.rest) > 0 {
		n, err := writeFD(fd, out.rest)
		switch {
		case err == syscall.EINTR: //nolint:errorlint // an Errno as it is
			continue
		case err == syscall.EAGAIN: //nolint:errorlint // an Errno as it is
			return false
		case err == nil && n == 0:
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			out.err = err
			return true
		}
		out.rest = out.rest[n:]
	}
	return true
}
