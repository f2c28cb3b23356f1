package segmentlog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

const (
	magic    = "slg1"
	headSize = 20
	align    = 8
	// maxMeta bounds what a damaged head can make Open read.
	maxMeta = 64 << 10
)

var table = crc32.MakeTable(crc32.Castagnoli)

// Record is what is appended: meta describes body, and is seen by [Open].
type Record struct {
	Meta, Body []byte
}

// Position is where a record is. The zero Position is none: segments are counted from 1.
type Position struct {
	Segment uint64
	Offset  int64
}

// ErrDamaged is returned for a record that is not what its checksums say.
var ErrDamaged = errors.New("the record is damaged")

// ErrGone is returned for a record whose segment was removed.
var ErrGone = errors.New("the record's segment was removed")

// size returns how many bytes the record takes.
func (r *Record) size() int64 { return padded(len(r.Meta), len(r.Body)) }

// checksum returns the sum of a body.
func checksum(body []byte, seed uint32) uint32 { return crc32.Update(seed, table, body) }

func padded(meta, body int) int64 {
	return (headSize + int64(meta) + int64(body) + align - 1) / align * align
}

// appendRecord appends a record to a buffer that begins at a multiple of 8 bytes.
func appendRecord(buf []byte, r *Record, seed uint32) []byte {
	at := len(buf)
	buf = append(buf, magic...)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(r.Meta)))
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(r.Body)))
	buf = binary.LittleEndian.AppendUint32(buf, checksum(r.Body, seed))
	sum := crc32.Update(crc32.Update(seed, table, buf[at:]), table, r.Meta)
	buf = binary.LittleEndian.AppendUint32(buf, sum)
	buf = append(append(buf, r.Meta...), r.Body...)
	for len(buf)%align != 0 {
		buf = append(buf, 0)
	}
	return buf
}

// head is what the fixed part of a record says.
type head struct {
	meta, body      int
	bodySum, ownSum uint32
	sum             uint32 // of the first 16 bytes
}

// parseHead reads the fixed part, and reports false where it cannot be one.
func parseHead(buf []byte, seed uint32) (head, bool) {
	if string(buf[:4]) != magic {
		return head{}, false
	}
	h := head{
		meta:    int(binary.LittleEndian.Uint32(buf[4:])),
		body:    int(binary.LittleEndian.Uint32(buf[8:])),
		bodySum: binary.LittleEndian.Uint32(buf[12:]),
		ownSum:  binary.LittleEndian.Uint32(buf[16:]),
		sum:     crc32.Update(seed, table, buf[:16]),
	}
	return h, h.meta <= maxMeta
}

// covers reports whether the head's sum is that of itself and the meta.
func (h *head) covers(meta []byte) bool { return crc32.Update(h.sum, table, meta) == h.ownSum }
