package otlpsloreceiver

import (
	"context"

	"google.golang.org/grpc/mem"

	"github.com/otelcol-slo/otelcol-slo/internal/rawgrpc"
)

// request is one request on its way through the receiver, whichever protocol brought it. It is for one goroutine.
type request struct {
	body     body
	encoding encoding
	// room is what the request holds of the in-flight share: body, and what it takes to decode it.
	room   reservation
	report *report
}

// body is a request's bytes, in pieces.
type body interface {
	Len() int
	// CopyTo copies them to dst and returns how many bytes that were.
	CopyTo(dst []byte) int
	// Free gives their memory back.
	Free()
}

// lent is a message that stays gRPC's.
type lent struct{ *rawgrpc.Message }

// Free implements body.
func (lent) Free() {}

// contiguous returns a body's bytes in one piece, copied only where they are in several. Who gets it frees it.
func contiguous(b body) mem.Buffer {
	if slice, ok := b.(mem.BufferSlice); ok {
		return slice.MaterializeToBuffer(bodyBuffers)
	}
	if message, ok := b.(lent); ok {
		if piece, whole := message.Whole(); whole {
			return mem.SliceBuffer(piece)
		}
	}
	buffer := bodyBuffers.Get(b.Len())
	b.CopyTo(*buffer)
	return mem.NewBuffer(buffer, bodyBuffers)
}

// intake takes the requests of one signal.
type intake interface {
	// take returns the answer: nil for success without a word, else a partial success. It may call request.done early.
	take(ctx context.Context, q *request) (message, error)
}

// message is what pdata's requests and responses have in common.
type message interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
	UnmarshalProto(data []byte) error
	UnmarshalJSON(data []byte) error
}

// decodedSizeFactor is how many times its encoded size pdata takes for a request, about: objects and strings are 2.3
// times the protobuf (measured), and some of it is garbage of growing slices.
const decodedSizeFactor = 3

// decode reads the body into m. checkProto guards the recursion of pdata's decoder, which has no bound of its own.
func (q *request) decode(ctx context.Context, m message, checkProto func([]byte) error) error {
	size := int64(q.body.Len())
	if err := q.room.grow(ctx, decodedSizeFactor*size); err != nil {
		return err
	}
	whole := contiguous(q.body)
	defer whole.Free()
	if err := q.encoding.decode(m, whole.ReadOnlyData(), checkProto); err != nil {
		return malformed(err)
	}
	return nil
}

// done gives body and room back. Calling it again does nothing.
func (q *request) done() {
	if q.body != nil {
		q.body.Free()
		q.body = nil
	}
	q.room.release()
}
