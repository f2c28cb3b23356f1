package unpack

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// zstdWindowMax is the largest window of a zstd frame that is decoded: what RFC 8878 (3.1.1.1.2) asks every decoder to
// have and every encoder to keep within. A frame of a few bytes may claim gigabytes.
const zstdWindowMax = 8 << 20

// snappyBlockMax is the largest block of the snappy framing format.
const snappyBlockMax = 64 << 10

// decoder is a decoder that can be used again for another source.
type decoder interface {
	io.Reader
	Reset(src io.Reader) error
}

// pools hold idle decoders by encoding.
var pools = map[string]*sync.Pool{Gzip: {}, Zlib: {}, Deflate: {}, Zstd: {}, Snappy: {}}

// open returns a decoder that reads src. Closing it gives it back.
func open(encoding string, src io.Reader) (io.ReadCloser, error) {
	pool := pools[encoding]
	d, ok := pool.Get().(decoder)
	if !ok {
		d = newDecoder(encoding)
	}
	// The decoder keeps its source: what it is given can be taken from it again.
	s := &source{src}
	if err := d.Reset(s); err != nil {
		s.Reader = eof{}
		pool.Put(d)
		return nil, err
	}
	return &pooled{decoder: d, source: s, pool: pool}, nil
}

func newDecoder(encoding string) decoder {
	switch encoding {
	case Gzip:
		return new(gzip.Reader)
	case Zlib, Deflate:
		return new(zlibDecoder)
	case Zstd:
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindowMax))
		if err != nil {
			panic(err) // the options are constant
		}
		return z
	default:
		return snappyDecoder{s2.NewReader(nil, s2.ReaderMaxBlockSize(snappyBlockMax))}
	}
}

// pooled is a decoder in use.
type pooled struct {
	decoder
	source *source
	pool   *sync.Pool
}

// Close gives the decoder back. Closing twice does nothing.
func (p *pooled) Close() error {
	if p.source != nil {
		p.source.Reader = eof{}
		p.source = nil
		p.pool.Put(p.decoder)
		p.decoder = closed{}
	}
	return nil
}

type source struct{ io.Reader }

// eof and closed have nothing to read.
type (
	eof    struct{}
	closed struct{ eof }
)

func (eof) Read([]byte) (int, error)   { return 0, io.EOF }
func (closed) Reset(_ io.Reader) error { return nil }

type zlibDecoder struct{ r io.ReadCloser }

func (z *zlibDecoder) Reset(src io.Reader) error {
	if z.r == nil {
		r, err := zlib.NewReader(src)
		if err == nil {
			z.r = r
		}
		return err
	}
	return z.r.(zlib.Resetter).Reset(src, nil)
}

func (z *zlibDecoder) Read(p []byte) (int, error) { return z.r.Read(p) }

type snappyDecoder struct{ *s2.Reader }

func (s snappyDecoder) Reset(src io.Reader) error {
	s.Reader.Reset(src)
	return nil
}
