package otlpsloreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver/internal/unpack"
)

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
