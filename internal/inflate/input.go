package inflate

import "encoding/binary"

// input is what is read. Bits that were taken from src and not used lie in the buffer, the next one lowest.
type input struct {
	src    []byte
	at     int
	buffer uint64
	left   uint // bits in the buffer
	// beyond is how many bytes behind the end are in the buffer, as zeroes: a code may be looked up before it is known to end.
	beyond int
}

// refill fills the buffer to 56 bits or more.
func (in *input) refill() {
	if len(in.src)-in.at >= 8 {
		in.buffer, in.at, in.left = fill56(in.src, in.at, in.buffer, in.left)
		return
	}
	for in.left < 56 {
		if in.at < len(in.src) {
			in.buffer |= uint64(in.src[in.at]) << in.left
			in.at++
		} else {
			in.beyond++
		}
		in.left += 8
	}
}

// take takes bits that are in the buffer.
func (in *input) take(n uint) uint {
	v := uint(in.buffer & (1<<n - 1))
	in.buffer >>= n
	in.left -= n
	return v
}

// cutOff reports whether more was taken than there is.
func (in *input) cutOff() bool { return in.beyond*8 > int(in.left) }

// align gives back the whole bytes that are in the buffer, and drops the rest of the byte that is begun.
func (in *input) align() {
	in.at -= int(in.left)/8 - in.beyond
	in.buffer, in.left, in.beyond = 0, 0, 0
}

// fill56 is refill where eight bytes are there. Bits of a byte that is not taken yet stand above those that are left; they are the
// same when it is.
func fill56(src []byte, at int, buffer uint64, left uint) (filled uint64, after int, bits uint) {
	return buffer | binary.LittleEndian.Uint64(src[at:])<<(left&63), at + int(63-left)>>3, left | 56
}
