package unpack

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/encoding"

	// Its compressors of these names are registered when it is initialized: it has to come first.
	_ "go.opentelemetry.io/collector/config/configgrpc"
)

// zstdEncodeWindow is what configgrpc's encoder has: requests are seldom larger.
const zstdEncodeWindow = 512 << 10

func init() {
	encoding.RegisterCompressor(&compressor{name: Gzip, newEncoder: func() encoder { return gzip.NewWriter(nil) }})
	encoding.RegisterCompressor(&compressor{name: Snappy, newEncoder: func() encoder {
		return s2.NewWriter(nil, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))
	}})
	encoding.RegisterCompressor(&compressor{name: Zstd, newEncoder: func() encoder {
		z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdEncodeWindow))
		if err != nil {
			panic(err) // the options are constant
		}
		return z
	}})
}

// encoder is an encoder that can be used again for another destination.
type encoder interface {
	io.WriteCloser
	Reset(dst io.Writer)
}

// compressor is a gRPC compressor.
type compressor struct {
	name       string
	newEncoder func() encoder
	encoders   sync.Pool
}

// Name implements encoding.Compressor.
func (c *compressor) Name() string { return c.name }

// Compress implements encoding.Compressor.
func (c *compressor) Compress(dst io.Writer) (io.WriteCloser, error) {
	e, ok := c.encoders.Get().(encoder)
	if !ok {
		e = c.newEncoder()
	}
	e.Reset(dst)
	return &pooledEncoder{encoder: e, pool: &c.encoders}, nil
}

// Decompress implements encoding.Compressor. gRPC bounds what it reads by the server's message limit, and closes.
func (c *compressor) Decompress(src io.Reader) (io.Reader, error) { return openStream(c.name, src) }

// pooledEncoder is an encoder in use. It is closed once.
type pooledEncoder struct {
	encoder
	pool *sync.Pool
}

// Close ends the stream and gives the encoder back.
func (p *pooledEncoder) Close() error {
	err := p.encoder.Close()
	p.pool.Put(p.encoder)
	return err
}
