package rawgrpc

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strconv"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Header blocks that are written as they are: literal fields that no table remembers (RFC 7541, 6.2.2).
var (
	answerHeaders  = appendField([]byte{status200}, "content-type", "application/grpc")
	answerTrailers = appendField(nil, "grpc-status", "0")
)

// status200 is ":status: 200" in HPACK's static table.
const status200 = 0x88

// tableEmpty tells a decoder that its table has no bytes any more (RFC 7541, 6.3).
const tableEmpty = 0x20

// statusMessageMax bounds what a client is told, so that its trailers fit into a frame.
const statusMessageMax = 2 << 10

// answer is a successful one that waits for a window to be opened.
type answer struct {
	stream uint32
	window int64
	data   []byte // what has not been sent
}

func unknownMethod(path string) error {
	return status.Errorf(codes.Unimplemented, "unknown method %s", path)
}

// answer answers a call and forgets it. The lock is held.
func (c *conn) answer(s *stream, body []byte, err error) {
	if s.abandoned {
		c.forget(s)
		return
	}
	if err == nil && len(body) > AnswerMax {
		err = status.Errorf(codes.Internal, "the answer has %d bytes, at most %d can be told", len(body), AnswerMax)
	}
	if err != nil {
		c.answerStatus(s, status.Convert(err))
		return
	}
	c.answered = c.now
	c.headers(s.id, 0, answerHeaders)
	c.data = binary.BigEndian.AppendUint32(append(c.data[:0], 0), uint32(len(body)))
	c.data = append(c.data, body...)
	a := answer{s.id, s.sendWindow, c.data}
	c.forget(s)
	if !c.send(&a) {
		a.data = bytes.Clone(a.data)
		c.held = append(c.held, a)
	}
}

// send writes as much of an answer as the windows allow, and tells whether that was all.
func (c *conn) send(a *answer) bool {
	if n := min(int64(len(a.data)), a.window, c.sendWindow); n > 0 {
		c.keepalive.strikes = 0
		a.window -= n
		c.sendWindow -= n
		c.out = appendFrameHeader(c.out, int(n), http2.FrameData, 0, a.stream)
		c.out = append(c.out, a.data[:n]...)
		a.data = a.data[n:]
	}
	if len(a.data) > 0 {
		return false
	}
	c.headers(a.stream, http2.FlagHeadersEndStream, answerTrailers)
	return true
}

// headers writes a header block.
func (c *conn) headers(stream uint32, flags http2.Flags, block []byte) {
	flags |= http2.FlagHeadersEndHeaders
	c.keepalive.strikes = 0
	if c.shrunk {
		c.shrunk = false
		c.out = append(appendFrameHeader(c.out, 1+len(block), http2.FrameHeaders, flags, stream), tableEmpty)
	} else {
		c.out = appendFrameHeader(c.out, len(block), http2.FrameHeaders, flags, stream)
	}
	c.out = append(c.out, block...)
}

// release writes what waits of answers, as far as the windows have been opened.
func (c *conn) release() {
	waiting := c.held[:0]
	for _, a := range c.held {
		if !c.send(&a) {
			waiting = append(waiting, a)
		}
	}
	clear(c.held[len(waiting):])
	c.held = waiting
}

// answerStatus tells that a call failed.
func (c *conn) answerStatus(s *stream, st *status.Status) {
	block := appendField([]byte{status200}, "content-type", "application/grpc")
	block = appendField(block, "grpc-status", strconv.Itoa(int(st.Code())))
	block = appendField(block, "grpc-message", encodeMessage(st.Message()))
	if p := st.Proto(); len(p.GetDetails()) > 0 {
		if details, err := proto.Marshal(p); err == nil && len(details) <= statusMessageMax {
			block = appendField(block, "grpc-status-details-bin", base64.RawStdEncoding.EncodeToString(details))
		}
	}
	c.answerAlone(s, block)
}

// answerHTTP answers what is no gRPC call with an HTTP status.
func (c *conn) answerHTTP(s *stream, code string) {
	c.answerAlone(s, appendField(nil, ":status", code))
}

// answerAlone answers with headers alone. A client that is still sending is told to stop (RFC 9113, 8.1).
func (c *conn) answerAlone(s *stream, block []byte) {
	c.headers(s.id, http2.FlagHeadersEndStream, block)
	if !s.ended {
		c.out = appendReset(c.out, s.id, http2.ErrCodeNo)
	}
	c.forget(s)
}

// refuse answers a call that its method was not asked about.
func (c *conn) refuse(s *stream, why Refusal, cause error) {
	c.answerStatus(s, status.Convert(c.server.options.Refused(c.call(s), why, cause)))
}

func (c *conn) call(s *stream) Call {
	size := 0
	if s.prefixLen == prefixSize {
		size = s.length
	}
	return Call{Context: c.ctx, Path: s.path, UserAgent: s.message.UserAgent, Bytes: size}
}

// unanswered forgets a call that nobody waits for any more.
func (c *conn) unanswered(s *stream, why Refusal, cause error) {
	_ = c.server.options.Refused(c.call(s), why, cause)
	c.forget(s)
}

// reset ends a stream that breaks HTTP's rules.
func (c *conn) reset(s *stream, code http2.ErrCode) {
	c.out = appendReset(c.out, s.id, code)
	if s.running {
		s.abandon()
		return
	}
	c.forget(s)
}

// appendField appends a field that no table remembers.
func appendField(b []byte, name, value string) []byte {
	return appendString(appendString(append(b, 0), name), value)
}

// appendString appends a string that is not Huffman-coded, its length in front in seven bits or more (RFC 7541, 5.1).
func appendString(b []byte, s string) []byte {
	const prefix = 1<<7 - 1
	if len(s) < prefix {
		return append(append(b, byte(len(s))), s...)
	}
	return append(binary.AppendUvarint(append(b, prefix), uint64(len(s)-prefix)), s...)
}

// encodeMessage writes a status message as gRPC does: what is not printable ASCII, and %, in percent-encoding.
func encodeMessage(s string) string {
	s = s[:min(len(s), statusMessageMax)]
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if c := s[i]; c >= ' ' && c <= '~' && c != '%' {
			out = append(out, c)
		} else {
			out = append(out, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		}
	}
	return string(out)
}
