package unpack

import "encoding/binary"

const (
	// gzipLeast is the least that a gzip stream has: its header, an empty block and its trailer.
	gzipLeast = 20
	// deflateMost is how many bytes a byte of deflate stands for at most: a run of 258 takes two bits.
	deflateMost = 1032
)

// SizeHint returns how many bytes src says that it decodes to, 0 where it does not say. It may lie, but not beyond what so
// many bytes can decode to at all.
func SizeHint(encoding string, src []byte) int64 {
	if encoding != Gzip || len(src) < gzipLeast {
		return 0
	}
	said := binary.LittleEndian.Uint32(src[len(src)-4:]) // of the last member, where there are several
	return min(int64(said), int64(len(src))*deflateMost)
}
