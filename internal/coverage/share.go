package coverage

import (
	"encoding/binary"
	"sync"
	"time"
)

// share is which traces are looked at: those whose ids come to a number below a threshold, which is set every second so
// that about as many spans are looked at as may be.
type share struct {
	spansMax int // a second; 0: no bound

	// mu protects all below. It is taken under a lock of the trace table: nothing waits for anything beneath it.
	mu        sync.Mutex
	threshold uint64
	began     time.Time // of this second
	decided   int       // spans in it
	looked    int       // of them

	passedOver uint64 // traces since the start
}

const allTraces = 1<<64 - 1

// wants decides on a trace with so many spans.
func (s *share) wants(id *[16]byte, spans int) bool {
	s.decided += spans
	if s.spansMax > 0 && (s.looked >= s.spansMax || lot(id) > s.threshold) {
		return false
	}
	s.looked += spans
	return true
}

// turn sets the threshold by the second that is over.
func (s *share) turn(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	elapsed := now.Sub(s.began)
	if elapsed < time.Second {
		return
	}
	s.threshold = allTraces
	if part := float64(s.spansMax) * elapsed.Seconds() / float64(s.decided); part < 1 {
		s.threshold = uint64(part*(1<<32)) << 32
	}
	s.began, s.decided, s.looked = now, 0, 0
}

// passed returns how many traces were passed over since the start.
func (s *share) passed() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passedOver
}

// lot is a trace's number, the same on every gateway and at every time.
func lot(id *[16]byte) uint64 {
	return (binary.LittleEndian.Uint64(id[:8]) ^ binary.LittleEndian.Uint64(id[8:])) * 0x9E3779B97F4A7C15
}
