package otlpsloreceiver

import (
	"sync"

	"google.golang.org/grpc/mem"
)

// bodySizes are the sizes of the buffers that bodies are read into, so that a buffer is never larger than what was
// reserved for it.
var bodySizes = [...]int{16 << 10, 64 << 10, 256 << 10, bodyLargest}

const bodyLargest = 1 << 20

// bufferFor returns the size of the next buffer, where about so many bytes are still to come.
func bufferFor(bytes int64) int {
	for _, size := range bodySizes {
		if int64(size) >= bytes {
			return size
		}
	}
	return bodyLargest
}

// bodyBuffers holds idle buffers.
var bodyBuffers = &bufferPool{larger: mem.NewTieredBufferPool()}

// bufferPool implements mem.BufferPool. Unlike gRPC's it does not clear a buffer, all of it each time, before it hands it
// out: who takes one writes before reading.
type bufferPool struct {
	idle   [len(bodySizes)]sync.Pool
	larger mem.BufferPool
}

// Get implements mem.BufferPool.
func (p *bufferPool) Get(length int) *[]byte {
	for i, size := range bodySizes {
		if length > size {
			continue
		}
		if b, ok := p.idle[i].Get().(*[]byte); ok {
			*b = (*b)[:length]
			return b
		}
		b := make([]byte, length, size)
		return &b
	}
	return p.larger.Get(length)
}

// Put implements mem.BufferPool.
func (p *bufferPool) Put(b *[]byte) {
	for i, size := range bodySizes {
		if cap(*b) == size {
			p.idle[i].Put(b)
			return
		}
	}
	p.larger.Put(b)
}
