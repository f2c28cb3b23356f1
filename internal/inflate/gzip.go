package inflate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

var (
	// ErrHeader says that the input is no gzip.
	ErrHeader = errors.New("the gzip header is invalid")
	// ErrChecksum says that what was decompressed is not what was compressed.
	ErrChecksum = errors.New("the gzip checksum is wrong")
)

// Header flags of RFC 1952, 2.3.1.
const (
	flagHeaderCRC = 1 << 1
	flagExtra     = 1 << 2
	flagName      = 1 << 3
	flagComment   = 1 << 4
)

const (
	headerSize  = 10
	trailerSize = 8
	// textMax bounds the name and the comment of a header, as compress/gzip does.
	textMax = 512
)

// Gunzip decompresses src, one gzip member behind the other, into dst and returns how many bytes that were.
func (d *Decoder) Gunzip(dst, src []byte) (int, error) {
	n := 0
	for {
		header, err := skipHeader(src)
		if err != nil {
			return n, err
		}
		written, read, err := d.Inflate(dst[n:], src[header:])
		if err != nil {
			return n, err
		}
		src = src[header+read:]
		if len(src) < trailerSize {
			return n, ErrCutOff
		}
		if binary.LittleEndian.Uint32(src) != crc32.ChecksumIEEE(dst[n:n+written]) || binary.LittleEndian.Uint32(src[4:]) != uint32(written) {
			return n, ErrChecksum
		}
		n += written
		if src = src[trailerSize:]; len(src) == 0 {
			return n, nil
		}
	}
}

// skipHeader returns the length of a member's header.
func skipHeader(src []byte) (int, error) {
	switch {
	case len(src) < headerSize:
		return 0, ErrCutOff
	case src[0] != 0x1f || src[1] != 0x8b || src[2] != 8:
		return 0, ErrHeader
	}
	flags, at := src[3], headerSize
	if flags&flagExtra != 0 {
		if len(src)-at < 2 {
			return 0, ErrCutOff
		}
		if at += 2 + int(binary.LittleEndian.Uint16(src[at:])); at > len(src) {
			return 0, ErrCutOff
		}
	}
	for _, text := range [...]byte{flagName, flagComment} {
		if flags&text == 0 {
			continue
		}
		end := bytes.IndexByte(src[at:], 0)
		switch {
		case end >= textMax, end < 0 && len(src)-at >= textMax:
			return 0, ErrHeader
		case end < 0:
			return 0, ErrCutOff
		}
		at += end + 1
	}
	if flags&flagHeaderCRC != 0 {
		if len(src)-at < 2 {
			return 0, ErrCutOff
		}
		if binary.LittleEndian.Uint16(src[at:]) != uint16(crc32.ChecksumIEEE(src[:at])) {
			return 0, ErrHeader
		}
		at += 2
	}
	return at, nil
}
