package rawgrpc

import "sync"

// bufferSizes are those of read buffers and of messages that were copied out of them.
var bufferSizes = [...]int{4 << 10, 16 << 10, readBufferMin, 256 << 10, 1 << 20}

// idleBuffers hold buffers that nobody uses, by size. They are not cleared: who takes one writes before reading.
var idleBuffers [len(bufferSizes)]sync.Pool

// roundUp returns the size of the buffer that is taken for so many bytes.
func roundUp(n int) int {
	for _, size := range bufferSizes {
		if n <= size {
			return size
		}
	}
	return n
}

func takeBuffer(n int) *[]byte {
	size := roundUp(n)
	for i := range bufferSizes {
		if bufferSizes[i] != size {
			continue
		}
		if b, ok := idleBuffers[i].Get().(*[]byte); ok {
			return b
		}
		break
	}
	b := make([]byte, size)
	return &b
}

func giveBuffer(b *[]byte) {
	for i := range bufferSizes {
		if bufferSizes[i] == len(*b) {
			idleBuffers[i].Put(b)
			return
		}
	}
}
