package remotewrite

import (
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
)

// scratch is memory that bodies are compressed into, one at a time, before they are copied out at their size: the worst
// case of compression asks for far more than what comes out of it. It is as large as the largest body needed.
type scratch struct {
	mu  sync.Mutex
	buf []byte
}

// compress returns a body as the protocols want it: snappy, block format.
func (s *scratch) compress(body []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if need := s2.MaxEncodedLen(len(body)); cap(s.buf) < need {
		s.buf = make([]byte, need)
	}
	return slices.Clone(s2.EncodeSnappy(s.buf[:cap(s.buf)], body))
}
