package rawgrpc

import (
	"io"
	"net"
	"syscall"
)

const (
	// readBufferMin has room for a frame behind one that has not come whole.
	readBufferMin = 64 << 10
	// frameMax is the largest payload of a frame, HTTP/2's default.
	frameMax    = 16 << 10
	frameHeader = 9
	// largeBuffers is how many buffers in a row must have been hardly used before a connection's next is small again. More
	// than one: the rest of a message that began in a small buffer says nothing about the next message.
	largeBuffers = 4
	// firstRead has a small call whole.
	firstRead = 4 << 10
)

// input is a connection's read buffer: bytes r to w have been read and not been looked at. An idle connection has none.
type input struct {
	conn net.Conn
	raw  syscall.RawConn // nil where the connection has none
	room Room
	size int

	buf      *[]byte
	reserved int64 // of the room, for buf
	r, w     int
	most     int    // the greatest w since buf was taken
	large    int    // for how many buffers more a large one is taken
	first    []byte // without raw: what is read into where there is no buf

	// Of one read: they are fields, and ready is made once, so that reading does not allocate.
	ready func(fd uintptr) bool
	n     int
	err   error
}

func newInput(c net.Conn, room Room, size int) *input {
	in := &input{conn: c, raw: rawConn(c), room: room, size: size}
	in.ready = in.readDescriptor
	if in.raw == nil {
		in.first = make([]byte, firstRead)
	}
	return in
}

// rawConn returns how the connection's descriptor is reached, nil where reading that would not be reading the connection,
// as with TLS.
func rawConn(c net.Conn) syscall.RawConn {
	var raw syscall.RawConn
	switch c := c.(type) {
	case *net.TCPConn:
		raw, _ = c.SyscallConn()
	case *net.UnixConn:
		raw, _ = c.SyscallConn()
	}
	return raw
}

// pending returns the bytes that have not been looked at.
func (in *input) pending() []byte {
	if in.buf == nil {
		return nil
	}
	return (*in.buf)[in.r:in.w]
}

// tail is how many bytes can still be read behind w.
func (in *input) tail() int {
	if in.buf == nil {
		return in.size
	}
	return len(*in.buf) - in.w
}

// reset makes room at the end of the buffer. Nothing may point into it any more.
func (in *input) reset() {
	if in.buf == nil {
		return
	}
	if in.tail() < frameMax+frameHeader {
		in.large = largeBuffers
	}
	in.w = copy(*in.buf, (*in.buf)[in.r:in.w])
	in.r = 0
	if in.w == 0 {
		in.free()
	}
}

// take gets a buffer: a large one where there is room for it and what came lately has needed one, so that a client whose
// bytes trickle holds no room for them.
func (in *input) take() {
	size := readBufferMin
	if in.large > 0 && in.size > size && in.room.TryAcquire(int64(in.size)) {
		size = in.size
		in.reserved = int64(size)
	}
	in.buf = takeBuffer(size)
}

func (in *input) free() {
	if in.buf == nil {
		return
	}
	giveBuffer(in.buf)
	in.buf = nil
	if in.reserved > 0 {
		in.room.Release(in.reserved)
		in.reserved = 0
		switch {
		case in.most > readBufferMin:
			in.large = largeBuffers
		case in.most > 0: // else nothing came
			in.large--
		}
	}
	in.r, in.w, in.most = 0, 0, 0
}

// read waits for bytes and puts them behind w. It fails as the connection does.
func (in *input) read() error {
	if in.raw == nil {
		return in.readConn()
	}
	in.n, in.err = 0, nil
	if err := in.raw.Read(in.ready); err != nil {
		return err
	}
	if in.err != nil {
		return in.err
	}
	if in.n == 0 {
		return io.EOF
	}
	in.w += in.n
	in.most = max(in.most, in.w)
	return nil
}

// readConn reads where it can't be known beforehand whether there is something to read: what waits holds no large buffer.
func (in *input) readConn() error {
	if in.buf == nil {
		n, err := in.conn.Read(in.first)
		if n == 0 {
			return err
		}
		in.take()
		in.w = copy(*in.buf, in.first[:n])
		in.most = in.w
		return nil
	}
	n, err := in.conn.Read((*in.buf)[in.w:])
	if in.w += n; n > 0 {
		in.most = max(in.most, in.w)
		return nil
	}
	return err
}

// readDescriptor reads once; it returns false where there is nothing to read yet, and holds no empty buffer then.
func (in *input) readDescriptor(fd uintptr) bool {
	if in.buf == nil {
		in.take()
	}
	for {
		in.n, in.err = readFD(fd, (*in.buf)[in.w:])
		if in.err != syscall.EINTR { //nolint:errorlint // an Errno as it is
			break
		}
	}
	if in.err == syscall.EAGAIN { //nolint:errorlint // an Errno as it is
		in.n, in.err = 0, nil
		if in.w == 0 {
			in.free()
		}
		return false
	}
	return true
}
