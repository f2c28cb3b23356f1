package rawgrpc

import "io"

// Message is a message as it was sent, in pieces.
type Message struct {
	// Encoding is how it is compressed, one of [Options.Encodings]; empty: it is not.
	Encoding string
	// UserAgent is what the call's header of that name says its sender is.
	UserAgent string
	pieces    [][]byte
	size      int
}

// Len returns its length in bytes.
func (m *Message) Len() int { return m.size }

// CopyTo copies it to dst and returns how many bytes that were.
func (m *Message) CopyTo(dst []byte) int {
	n := 0
	for _, p := range m.pieces {
		n += copy(dst[n:], p)
	}
	return n
}

// Whole returns it where it lies in one piece, and false where it does not.
func (m *Message) Whole() ([]byte, bool) {
	if len(m.pieces) != 1 {
		return nil, false
	}
	return m.pieces[0], true
}

// Reader reads a message from its start.
type Reader struct {
	pieces [][]byte
	at     int // in the first piece
}

// NewReader returns a reader. It is valid as long as the message.
func (m *Message) NewReader() *Reader { return &Reader{pieces: m.pieces} }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.pieces) > 0 && r.at == len(r.pieces[0]) {
		r.pieces, r.at = r.pieces[1:], 0
	}
	if len(r.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.pieces[0][r.at:])
	r.at += n
	return n, nil
}
