package remotewrite

// encoder builds the body of one request, series by series, and is reused for the next.
type encoder interface {
	// add appends a series and returns what was added: in 1.0 a native histogram with custom buckets is several samples.
	add(*Series) Counts
	// size returns the length of the body so far.
	size() int
	// take returns the body, compressed as the protocols want it (snappy, block format), and empties the encoder.
	take() []byte
	// since returns what was appended since symbols and the rest, which a body has one after the other, were so long. It is valid until the next call of another method.
	since(symbols, rest int) (newSymbols, newRest []byte)
	// reset empties the encoder.
	reset()
	message() Message
}

// newEncoder returns an encoder for a message. metadata asks for it in 1.0, where it is optional; 2.0 always has it.
func newEncoder(m Message, metadata bool) encoder { return newEncoderWith(m, metadata, &scratch{}) }

// newEncoderWith returns an encoder that shares its scratch with others.
func newEncoderWith(m Message, metadata bool, s *scratch) encoder {
	if m == V2 {
		return newEncoderV2(s)
	}
	return newEncoderV1(metadata, s)
}
