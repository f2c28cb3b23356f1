package remotewrite

import (
	"encoding/binary"
	"slices"

	"github.com/klauspost/compress/s2"
)

// encoder builds the body of one request, series by series, and is reused for the next.
type encoder interface {
	// add appends a series.
	add(*Series)
	// size returns the length of the body so far.
	size() int
	// take returns the body, compressed as the protocols want it (snappy, block format), and empties the encoder.
	take() []byte
	message() Message
}

// newEncoder returns an encoder for a message. metadata asks for it in 1.0, where it is optional; 2.0 always has it.
func newEncoder(m Message, metadata bool) encoder {
	if m == V2 {
		return newEncoderV2()
	}
	return newEncoderV1(metadata)
}

func compress(body []byte) []byte {
	compressed := s2.EncodeSnappy(nil, body)
	// Batches are kept: give back the slack that the worst case of compression asked for.
	return slices.Clone(compressed)
}

// appendField appends the tag and length of a length-delimited field and n bytes for its body; it returns the buffer
// and that body. A generated marshaller that is given it cannot fail: it asked for n bytes, and no field of these
// messages has a marshaller of its own.
func appendField(buf []byte, field, n int) (_, body []byte) {
	buf = binary.AppendUvarint(buf, uint64(field)<<3|2)
	buf = binary.AppendUvarint(buf, uint64(n))
	buf = slices.Grow(buf, n)
	at := len(buf)
	buf = buf[:at+n]
	return buf, buf[at:]
}
