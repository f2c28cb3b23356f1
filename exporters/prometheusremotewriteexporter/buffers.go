package prometheusremotewriteexporter

import (
	"sync"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite/translate"
)

const (
	// bufferPeriod is how long a buffer is kept that no payload has much use for.
	bufferPeriod = time.Minute
	// bufferSlack is how many times the memory that the payloads of a period use a buffer may have.
	bufferSlack = 4
)

// buffers keeps one buffer between payloads. A sync.Pool would lose it: between two flushes lie several garbage
// collections, and a flush of many series pays more for new memory than for all else.
type buffers struct {
	mu    sync.Mutex // protects all below
	spare *translate.Buffer
	since time.Time // when the period began
	peak  int       // the most bytes that a payload of the period used
	last  int       // the same of the period before
}

func (s *buffers) take() *translate.Buffer {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.spare
	s.spare = nil
	if b == nil {
		b = new(translate.Buffer)
	}
	return b
}

// give takes a buffer back, whose payload is done with. The larger of two stays, unless it is far larger than what the
// payloads of late need.
func (s *buffers) give(b *translate.Buffer, now time.Time) {
	held, used := b.Memory()
	b.Reset() // lets go of the payload
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peak = max(s.peak, used)
	if now.Sub(s.since) >= bufferPeriod {
		s.since, s.last, s.peak = now, s.peak, 0
	}
	if held > bufferSlack*max(s.last, s.peak) {
		return
	}
	if s.spare != nil {
		if other, _ := s.spare.Memory(); other >= held {
			return
		}
	}
	s.spare = b
}
