package unpack

import (
	"bytes"
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

// reusable is a decoder with the two sources that it may read. It keeps the one it was given last for good, which is why
// they can be emptied.
type reusable struct {
	decoder
	whole bytes.Reader // flate has a faster loop for this very type
	parts source
}

func take(encoding string) *reusable {
	if d, ok := pools[encoding].Get().(*reusable); ok {
		return d
	}
	return &reusable{decoder: newDecoder(encoding), parts: source{eof{}}}
}

// empty takes from the decoder what it reads.
func (d *reusable) empty() {
	d.whole.Reset(nil)
	d.parts.Reader = eof{}
}

// open returns a decoder that reads src. Closing it gives it back.
func open(encoding string, src []byte) (*pooled, error) {
	d := take(encoding)
	d.whole.Reset(src)
	return d.begin(encoding, &d.whole)
}

// openStream is open for what is not in one piece.
func openStream(encoding string, src io.Reader) (*pooled, error) {
	d := take(encoding)
	d.parts.Reader = src
	return d.begin(encoding, &d.parts)
}

func (d *reusable) begin(encoding string, src io.Reader) (*pooled, error) {
	pool := pools[encoding]
	if err := d.Reset(src); err != nil {
		d.empty()
		pool.Put(d)
		return nil, err
	}
	return &pooled{in: d, pool: pool}, nil
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
	in   *reusable // nil when it was given back
	pool *sync.Pool
}

// Read implements io.Reader. There is nothing to read after Close.
func (p *pooled) Read(b []byte) (int, error) {
	if p.in == nil {
		return 0, io.EOF
	}
	return p.in.Read(b)
}

// Close gives the decoder back. Closing twice does nothing.
func (p *pooled) Close() error {
	if p.in != nil {
		p.in.empty()
		p.pool.Put(p.in)
		p.in = nil
	}
	return nil
}

type source struct{ io.Reader }

// eof has nothing to read.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

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
