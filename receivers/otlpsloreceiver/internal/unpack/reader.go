package unpack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/s2"
)

// Names of the encodings, as Content-Encoding and grpc-encoding have them. Deflate is zlib's format, as HTTP defines it.
const (
	Gzip    = "gzip"
	Zlib    = "zlib"
	Deflate = "deflate"
	Zstd    = "zstd"
	Snappy  = "snappy"
)

// HTTP lists the encodings that NewReader knows.
var HTTP = []string{Gzip, Zlib, Deflate, Zstd, Snappy}

// GRPC lists the encodings that NewMessage and NewStream know.
var GRPC = []string{Gzip, Zstd, Snappy}

// ErrTooLarge says that the decoded bytes would be more than the limit.
var ErrTooLarge = errors.New("decoded size exceeds the limit")

// NewReader returns a reader of the decoded bytes of src, a whole HTTP body. It stops with ErrTooLarge behind limit bytes.
// Close gives the decoder back; src must stay unchanged until then.
func NewReader(encoding string, src []byte, limit int64) (io.ReadCloser, error) {
	if !slices.Contains(HTTP, encoding) {
		return nil, fmt.Errorf("cannot decode %q: unknown encoding", encoding)
	}
	if encoding == Snappy && !isFramed(src) {
		return newBlockReader(src, limit)
	}
	return newLimited(encoding, src, limit)
}

// NewMessage is NewReader for a gRPC message, whose snappy is always framed.
func NewMessage(encoding string, src []byte, limit int64) (io.ReadCloser, error) {
	if !slices.Contains(GRPC, encoding) {
		return nil, fmt.Errorf("cannot decode %q: unknown encoding", encoding)
	}
	return newLimited(encoding, src, limit)
}

func newLimited(encoding string, src []byte, limit int64) (io.ReadCloser, error) {
	d, err := open(encoding, src)
	if err != nil {
		return nil, err
	}
	return &limited{ReadCloser: d, left: limit}, nil
}

// NewStream is NewMessage for a message that is not in one piece. It is the slower one for gzip.
func NewStream(encoding string, src io.Reader, limit int64) (io.ReadCloser, error) {
	if !slices.Contains(GRPC, encoding) {
		return nil, fmt.Errorf("cannot decode %q: unknown encoding", encoding)
	}
	d, err := openStream(encoding, src)
	if err != nil {
		return nil, err
	}
	return &limited{ReadCloser: d, left: limit}, nil
}

// limited ends with ErrTooLarge where the decoded bytes go on behind the limit.
type limited struct {
	io.ReadCloser
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.ReadCloser.Read(p)
	if int64(n) > l.left {
		n, err = int(l.left), ErrTooLarge
	}
	l.left -= int64(n)
	return n, err
}

// snappyMagic begins a framed snappy stream. HTTP senders of Content-Encoding snappy write blocks as a rule; those that
// write frames are understood as well.
var snappyMagic = []byte("\xff\x06\x00\x00sNaPpY")

func isFramed(src []byte) bool { return bytes.HasPrefix(src, snappyMagic) }

// newBlockReader decodes a snappy block, whose decoded size stands at its beginning.
func newBlockReader(src []byte, limit int64) (io.ReadCloser, error) {
	size, err := s2.DecodedLen(src)
	if err != nil {
		return nil, err
	}
	if int64(size) > limit {
		return nil, ErrTooLarge
	}
	return &blockReader{src: src, size: size}, nil
}

// blockReader decodes a block at its first Read.
type blockReader struct {
	src     []byte
	size    int
	decoded *bytes.Reader
}

func (b *blockReader) Read(p []byte) (int, error) {
	if b.decoded == nil {
		out, err := s2.Decode(make([]byte, b.size), b.src)
		if err != nil {
			return 0, err
		}
		b.decoded = bytes.NewReader(out)
	}
	return b.decoded.Read(p)
}

func (*blockReader) Close() error { return nil }
