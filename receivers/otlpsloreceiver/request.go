package otlpsloreceiver

import (
	"context"

	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"google.golang.org/grpc/mem"
)

// request is one request on its way through the receiver, whichever protocol brought it. It is for one goroutine.
type request struct {
	body     mem.BufferSlice
	encoding encoding
	// room is what the request holds of the in-flight share: body, and what it takes to decode it.
	room reservation
	obs  *receiverhelper.ObsReport
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
	whole := q.body.MaterializeToBuffer(bodyBuffers)
	defer whole.Free()
	if err := q.encoding.decode(m, whole.ReadOnlyData(), checkProto); err != nil {
		return malformed(err)
	}
	return nil
}

// done gives body and room back. Calling it again does nothing.
func (q *request) done() {
	q.body.Free()
	q.body = nil
	q.room.release()
}
