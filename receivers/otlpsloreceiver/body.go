package otlpsloreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"google.golang.org/grpc/mem"

	"github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver/internal/unpack"
)

// receive reads the request's body as it was sent, within receive_timeout.
func (h *httpServer) receive(w http.ResponseWriter, r *http.Request, q *request) error {
	if r.ContentLength > h.bodyMax {
		return tooLarge(h.bodyMax)
	}
	deadline := http.NewResponseController(w)
	if err := deadline.SetReadDeadline(time.Now().Add(h.door.receiveTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("cannot bound the time to receive a request: %w", err)
	}
	err := q.readBody(r.Context(), r.Body, r.ContentLength, 0)
	if err != nil {
		return h.receiveRefusal(r, err)
	}
	_ = deadline.SetReadDeadline(time.Time{}) // where it can't be taken back it couldn't be set
	return nil
}

// receiveRefusal says why a body could not be read.
func (h *httpServer) receiveRefusal(r *http.Request, err error) error {
	var maxBytes *http.MaxBytesError
	_, refused := reasonOf(err)
	switch {
	case refused:
		return err
	case errors.As(err, &maxBytes):
		return tooLarge(h.bodyMax)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{reasonNotReceived, fmt.Errorf("the request did not arrive within %s", h.door.receiveTimeout)}
	case r.Context().Err() != nil || errors.Is(err, io.ErrUnexpectedEOF):
		return &refusal{reasonNotReceived, fmt.Errorf("the request did not arrive: %w", err)}
	}
	return malformed(fmt.Errorf("cannot read the request: %w", err))
}

// unpack decompresses the body that was received, if confighttp left it compressed.
func (h *httpServer) unpack(r *http.Request, q *request) error {
	name := r.Header.Get("Content-Encoding")
	if name == "" {
		return nil
	}
	packed := contiguous(q.body)
	defer packed.Free()
	q.body.Free()
	q.body = mem.BufferSlice(nil)
	return q.inflateWhole(r.Context(), name, packed.ReadOnlyData(), h.bodyMax, unpack.NewReader)
}

// readBody makes what the reader has, to its end, the body. size is how much that is, negative where it is not known; hint
// is what it may be then, 0 where nothing says. Room is reserved before a buffer is taken.
func (q *request) readBody(ctx context.Context, from io.Reader, size, hint int64) error {
	var body mem.BufferSlice
	err := q.readBuffers(ctx, from, size, hint, &body)
	q.body = body
	return err
}

func (q *request) readBuffers(ctx context.Context, from io.Reader, size, hint int64, body *mem.BufferSlice) error {
	for size != 0 {
		want := size
		if size < 0 {
			want = hint - int64(body.Len())
			if want <= 0 { // four times as much each time
				want = int64(body.Len()) * 3
			}
		}
		length := bufferFor(want)
		if err := q.room.grow(ctx, int64(length)); err != nil {
			return err
		}
		buffer := bodyBuffers.Get(length)
		n, err := readFull(from, *buffer)
		if n == 0 {
			bodyBuffers.Put(buffer)
		} else {
			*buffer = (*buffer)[:n]
			*body = append(*body, mem.NewBuffer(buffer, bodyBuffers))
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case size > 0:
			size = max(size-int64(n), 0)
		}
	}
	return nil
}

// readFull reads until the buffer is full, and returns io.EOF where the reader ended before.
func readFull(from io.Reader, buffer []byte) (int, error) {
	n := 0
	for n < len(buffer) {
		m, err := from.Read(buffer[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
