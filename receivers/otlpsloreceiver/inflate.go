package otlpsloreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/mem"

	"github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver/internal/unpack"
)

// opener makes a reader of what is compressed.
type opener func(encoding string, src []byte, limit int64) (io.ReadCloser, error)

// inflateWhole makes what is compressed in one piece the body, decompressed to at most limit bytes.
func (q *request) inflateWhole(ctx context.Context, encoding string, packed []byte, limit int64, open opener) error {
	hint := unpack.SizeHint(encoding, packed)
	if encoding == unpack.Gzip && hint > 0 && hint <= min(limit, bodyLargest) && len(packed) <= bodyLargest {
		if done, err := q.gunzip(ctx, packed, hint, limit); done || err != nil {
			return err
		}
	}
	reader, err := open(encoding, packed, limit)
	return q.inflate(ctx, reader, err, hint, limit)
}

// gunzip decompresses from one piece into one buffer. It returns false where that is too small: there is more than the last member
// says that it has.
func (q *request) gunzip(ctx context.Context, packed []byte, hint, limit int64) (done bool, err error) {
	length, before := bufferFor(hint), q.room.bytes
	if err := q.room.grow(ctx, int64(length)); err != nil {
		return false, err
	}
	buffer := bodyBuffers.Get(length)
	n, fits, err := unpack.Gunzip(*buffer, packed)
	if err == nil && fits && int64(n) <= limit {
		*buffer = (*buffer)[:n]
		q.body = mem.BufferSlice{mem.NewBuffer(buffer, bodyBuffers)}
		return true, nil
	}
	bodyBuffers.Put(buffer)
	switch {
	case err != nil:
		return false, malformed(fmt.Errorf("cannot decompress the request: %w", err))
	case fits:
		return false, tooLarge(limit)
	}
	q.room.shrink(before)
	return false, nil
}

// inflate makes what a reader of internal/unpack decodes, about hint bytes and at most limit, the body. err is the one that
// came with the reader.
func (q *request) inflate(ctx context.Context, reader io.ReadCloser, err error, hint, limit int64) error {
	if err == nil {
		// A buffer that is full may not have been all: with a byte to spare, one is enough.
		err = q.readBody(ctx, reader, -1, min(hint, limit)+1)
		_ = reader.Close() // gives the decoder back, nothing else
	}
	_, refused := reasonOf(err)
	switch {
	case err == nil || refused:
		return err
	case errors.Is(err, unpack.ErrTooLarge):
		return tooLarge(limit)
	}
	return malformed(fmt.Errorf("cannot decompress the request: %w", err))
}

func tooLarge(limit int64) error {
	return &refusal{reasonTooLarge, fmt.Errorf("the request is larger than %d bytes", limit)}
}
