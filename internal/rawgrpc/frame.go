package rawgrpc

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/http2"
)

// frame is one HTTP/2 frame.
type frame struct {
	kind    http2.FrameType
	flags   http2.Flags
	stream  uint32
	payload []byte
}

// connError ends a connection.
type connError http2.ErrCode

func (e connError) Error() string {
	return fmt.Sprintf("HTTP/2 connection error: %v", http2.ErrCode(e))
}

// nextFrame returns the frame at the start of b and its length with its header, 0 where it has not come whole.
func nextFrame(b []byte) (f frame, size int, err error) {
	if len(b) < frameHeader {
		return f, 0, nil
	}
	length := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	if length > frameMax {
		return f, 0, connError(http2.ErrCodeFrameSize)
	}
	if size = frameHeader + length; len(b) < size {
		return f, 0, nil
	}
	return frame{
		kind: http2.FrameType(b[3]), flags: http2.Flags(b[4]),
		stream: binary.BigEndian.Uint32(b[5:]) & (1<<31 - 1), payload: b[frameHeader:size],
	}, size, nil
}

func (f frame) has(flag http2.Flags) bool { return f.flags.Has(flag) }

// unpad returns the payload of a DATA or HEADERS frame without its padding.
func (f frame) unpad() ([]byte, error) {
	p := f.payload
	if !f.has(http2.FlagDataPadded) { // HEADERS has the same flag
		return p, nil
	}
	if len(p) == 0 {
		return nil, connError(http2.ErrCodeFrameSize)
	}
	padding := int(p[0])
	if padding > len(p)-1 {
		return nil, connError(http2.ErrCodeProtocol)
	}
	return p[1 : len(p)-padding], nil
}

func appendFrameHeader(b []byte, length int, kind http2.FrameType, flags http2.Flags, stream uint32) []byte {
	b = append(b, byte(length>>16), byte(length>>8), byte(length), byte(kind), byte(flags))
	return binary.BigEndian.AppendUint32(b, stream)
}

func appendWindowUpdate(b []byte, stream, bytes uint32) []byte {
	b = appendFrameHeader(b, 4, http2.FrameWindowUpdate, 0, stream)
	return binary.BigEndian.AppendUint32(b, bytes)
}

func appendReset(b []byte, stream uint32, code http2.ErrCode) []byte {
	b = appendFrameHeader(b, 4, http2.FrameRSTStream, 0, stream)
	return binary.BigEndian.AppendUint32(b, uint32(code))
}

func appendGoAway(b []byte, last uint32, code http2.ErrCode, why string) []byte {
	b = appendFrameHeader(b, 8+len(why), http2.FrameGoAway, 0, 0)
	b = binary.BigEndian.AppendUint32(b, last)
	b = binary.BigEndian.AppendUint32(b, uint32(code))
	return append(b, why...)
}

func appendPing(b []byte, flags http2.Flags, data []byte) []byte {
	return append(appendFrameHeader(b, 8, http2.FramePing, flags, 0), data...)
}

func appendSettings(b []byte, settings ...http2.Setting) []byte {
	b = appendFrameHeader(b, 6*len(settings), http2.FrameSettings, 0, 0)
	for _, s := range settings {
		b = binary.BigEndian.AppendUint16(b, uint16(s.ID))
		b = binary.BigEndian.AppendUint32(b, s.Val)
	}
	return b
}
