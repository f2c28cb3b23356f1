package tracebuf

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Compression is how sealed slabs of bodies are held.
type Compression uint8

const (
	// CompressionNone: as they are.
	CompressionNone Compression = iota
	// CompressionS2: compressed by S2, the faster one.
	CompressionS2
	// CompressionZstd: compressed by Zstandard at its fastest, the smaller one.
	CompressionZstd
)

// compressionNames are the values of the key.
var compressionNames = [...]string{"none", "s2", "zstd"}

// ParseCompression returns the compression of a name.
func ParseCompression(name string) (Compression, error) {
	for i, n := range compressionNames {
		if n == name {
			return Compression(i), nil
		}
	}
	return CompressionNone, fmt.Errorf("must be none, s2 or zstd (got %q)", name)
}

// blockSize is how many bytes of a slab are compressed by themselves, so that a kept trace costs little more than its own
// bytes to read. Twice as much would make the reference load's bodies a seventh smaller, and reading twice as dear.
const blockSize = 32 << 10

// codec compresses and inflates blocks. Any number of goroutines may use it.
type codec struct {
	compression Compression
	enc         *zstd.Encoder
	dec         *zstd.Decoder
}

func newCodec(c Compression) (codec, error) {
	if c != CompressionZstd {
		return codec{compression: c}, nil
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(blockSize), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return codec{}, fmt.Errorf("cannot create zstd encoder: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(2*blockSize))
	if err != nil {
		return codec{}, fmt.Errorf("cannot create zstd decoder: %w", err)
	}
	return codec{compression: c, enc: enc, dec: dec}, nil
}

// bound returns the most bytes that a block of n bytes may take when it is compressed.
func (c *codec) bound(n int) int {
	if c.compression == CompressionZstd {
		return c.enc.MaxEncodedSize(n)
	}
	return s2.MaxEncodedLen(n)
}

// compress writes a block to dst, which has room for bound of it, and returns its size.
func (c *codec) compress(dst, block []byte) int {
	if c.compression == CompressionZstd {
		return len(c.enc.EncodeAll(block, dst[:0]))
	}
	return len(s2.Encode(dst, block))
}

var errBlockSize = errors.New("a block inflates to another size")

// inflate writes a block to dst, which is as long as the block was.
func (c *codec) inflate(dst, compressed []byte) error {
	var got []byte
	var err error
	if c.compression == CompressionZstd {
		got, err = c.dec.DecodeAll(compressed, dst[:0:len(dst)])
	} else {
		got, err = s2.Decode(dst, compressed)
	}
	if err == nil && len(got) != len(dst) {
		err = errBlockSize
	}
	return err
}

func (c *codec) close() {
	if c.enc != nil {
		_ = c.enc.Close() // it has nothing under way
		c.dec.Close()
	}
}
