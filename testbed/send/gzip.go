package send

import (
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"google.golang.org/grpc/encoding"
)

const gzipName = "gzip"

// gzipCompressor is gRPC's "gzip" at the fastest level, with writers and readers reused: compressing must not be what limits
// the load.
type gzipCompressor struct {
	writers sync.Pool
	readers sync.Pool
}

// Compressors can only be registered while no call is under way.
func init() {
	encoding.RegisterCompressor(&gzipCompressor{})
}

func (*gzipCompressor) Name() string { return gzipName }

type pooledWriter struct {
	*gzip.Writer
	pool *sync.Pool
}

func (c *gzipCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	if z, ok := c.writers.Get().(*pooledWriter); ok {
		z.Reset(w)
		return z, nil
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	return &pooledWriter{Writer: z, pool: &c.writers}, nil
}

func (z *pooledWriter) Close() error {
	defer z.pool.Put(z)
	return z.Writer.Close()
}

type pooledReader struct {
	*gzip.Reader
	pool *sync.Pool
}

func (c *gzipCompressor) Decompress(r io.Reader) (io.Reader, error) {
	z, ok := c.readers.Get().(*pooledReader)
	if !ok {
		gz, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		return &pooledReader{Reader: gz, pool: &c.readers}, nil
	}
	if err := z.Reset(r); err != nil {
		c.readers.Put(z)
		return nil, err
	}
	return z, nil
}

func (z *pooledReader) Read(p []byte) (int, error) {
	n, err := z.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		z.pool.Put(z)
	}
	return n, err
}
