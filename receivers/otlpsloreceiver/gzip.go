package otlpsloreceiver

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	grpcencoding "google.golang.org/grpc/encoding"
)

// The gRPC compressor "gzip" of the whole process is klauspost's, two to three times as fast as the standard library's on
// ordinary requests. Registering replaces gRPC's own one, also for exporters.
func init() { grpcencoding.RegisterCompressor(&grpcGzip{}) }

type grpcGzip struct{ readers, writers sync.Pool }

// Name implements grpcencoding.Compressor.
func (*grpcGzip) Name() string { return "gzip" }

// Compress implements grpcencoding.Compressor.
func (c *grpcGzip) Compress(w io.Writer) (io.WriteCloser, error) {
	z, ok := c.writers.Get().(*gzip.Writer)
	if !ok {
		z = gzip.NewWriter(w)
	}
	z.Reset(w)
	return &pooledGzipWriter{Writer: z, pool: &c.writers}, nil
}

// Decompress implements grpcencoding.Compressor. gRPC bounds what it reads by the message limit.
func (c *grpcGzip) Decompress(r io.Reader) (io.Reader, error) {
	z, ok := c.readers.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	if err := z.Reset(r); err != nil {
		c.readers.Put(z)
		return nil, err
	}
	return &pooledGzipReader{reader: z, pool: &c.readers}, nil
}

type pooledGzipWriter struct {
	*gzip.Writer
	pool *sync.Pool
}

// Close ends the stream and gives the writer back.
func (w *pooledGzipWriter) Close() error {
	err := w.Writer.Close()
	w.pool.Put(w.Writer)
	return err
}

type pooledGzipReader struct {
	reader *gzip.Reader
	pool   *sync.Pool
}

// Read gives the reader back at its end.
func (r *pooledGzipReader) Read(p []byte) (int, error) {
	if r.reader == nil {
		return 0, io.EOF
	}
	n, err := r.reader.Read(p)
	if err != nil {
		r.pool.Put(r.reader)
		r.reader = nil
	}
	return n, err
}
