package rawgrpc

import (
	"context"
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// headerListMax bounds a call's headers, as HTTP/2 counts them.
	headerListMax = 16 << 10
	// headerBlockMax bounds their encoded form: what is larger ends the connection.
	headerBlockMax = 64 << 10
	// blockKept is what a connection keeps of the memory of blocks that came in pieces.
	blockKept = 4 << 10
)

// headerBlock is what the headers that are being read say.
type headerBlock struct {
	// stream is the one whose CONTINUATION is awaited; 0: none is.
	stream uint32
	began  time.Time
	ended  bool // END_STREAM
	bytes  []byte

	size                 int
	malformed, tooLarge  bool
	regular              bool // a field that is no pseudo-header was there
	method, path, scheme string
	contentType          string
	encoding             string
	userAgent            string
	timeout              time.Duration
	declared             int64
	all                  map[string][]string // nil: nobody wants them
}

func (c *conn) onHeaders(f frame) error {
	if f.stream%2 == 0 {
		return connError(http2.ErrCodeProtocol)
	}
	p, err := f.unpad()
	if err != nil {
		return err
	}
	if f.has(http2.FlagHeadersPriority) {
		if len(p) < 5 {
			return connError(http2.ErrCodeFrameSize)
		}
		if err := onPriority(frame{stream: f.stream, payload: p[:5]}); err != nil {
			return err
		}
		p = p[5:]
	}
	c.block = headerBlock{bytes: c.block.bytes[:0], began: c.now, declared: -1, ended: f.has(http2.FlagHeadersEndStream)}
	if c.server.options.Admit != nil {
		c.block.all = map[string][]string{}
	}
	if !f.has(http2.FlagHeadersEndHeaders) {
		c.block.stream = f.stream
		c.block.bytes = append(c.block.bytes, p...)
		return nil
	}
	return c.takeHeaders(f.stream, p)
}

func (c *conn) onContinuation(f frame) error {
	b := &c.block
	if b.stream == 0 || len(b.bytes)+len(f.payload) > headerBlockMax || len(f.payload) == 0 && !f.has(http2.FlagContinuationEndHeaders) {
		return connError(http2.ErrCodeProtocol)
	}
	b.bytes = append(b.bytes, f.payload...)
	if !f.has(http2.FlagContinuationEndHeaders) {
		return nil
	}
	b.stream = 0
	err := c.takeHeaders(f.stream, b.bytes)
	if cap(b.bytes) > blockKept {
		b.bytes = nil
	}
	return err
}

// takeHeaders decodes a whole block, which has to be done whatever becomes of the call: the next ones build on it.
func (c *conn) takeHeaders(id uint32, block []byte) error {
	if _, err := c.hpack.Write(block); err != nil {
		return connError(http2.ErrCodeCompression)
	}
	if err := c.hpack.Close(); err != nil {
		return connError(http2.ErrCodeCompression)
	}
	if id <= c.lastID {
		return c.onTrailers(id)
	}
	c.lastID = id
	if c.draining { // the client has been told that this one is not taken
		return nil
	}
	c.lastTaken = id
	c.begin(id)
	return nil
}

// onTrailers takes headers behind a message. They end the call.
func (c *conn) onTrailers(id uint32) error {
	s := c.streams[id]
	switch {
	case s == nil: // it was refused, and this was under way
		return nil
	case s.ended:
		return connError(http2.ErrCodeStreamClosed)
	case !c.block.ended || c.block.method != "" || c.block.path != "":
		c.reset(s, http2.ErrCodeProtocol)
		return nil
	}
	s.ended = true
	c.finish(s)
	return nil
}

// onField takes one header field.
func (c *conn) onField(f hpack.HeaderField) {
	b := &c.block
	if b.size += int(f.Size()); b.size > headerListMax {
		b.tooLarge = true
		return
	}
	if !httpguts.ValidHeaderFieldValue(f.Value) { // a line break would be another header where it is passed on
		b.malformed = true
		return
	}
	if strings.HasPrefix(f.Name, ":") {
		b.pseudo(f)
		return
	}
	b.regular = true
	if !isFieldName(f.Name) {
		b.malformed = true
		return
	}
	if b.all != nil {
		b.all[f.Name] = append(b.all[f.Name], metadataValue(f))
	}
	switch f.Name {
	case "content-type":
		b.contentType = f.Value
	case "grpc-encoding":
		b.encoding = f.Value
	case "user-agent":
		b.userAgent = f.Value
	case "grpc-timeout":
		b.timeout = parseTimeout(f.Value)
	case "te":
		b.malformed = b.malformed || f.Value != "trailers"
	case "content-length":
		n, err := strconv.ParseInt(f.Value, 10, 64)
		b.declared, b.malformed = n, b.malformed || err != nil || n < 0
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade": // RFC 9113, 8.2.2
		b.malformed = true
	}
}

// metadataValue returns a header's value, decoded where its name says that it is in base64.
func metadataValue(f hpack.HeaderField) string {
	if !strings.HasSuffix(f.Name, "-bin") {
		return f.Value
	}
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(f.Value, "="))
	if err != nil {
		return f.Value
	}
	return string(decoded)
}

func (b *headerBlock) pseudo(f hpack.HeaderField) {
	set := func(to *string) {
		b.malformed = b.malformed || *to != "" || f.Value == "" || b.regular
		*to = f.Value
	}
	switch f.Name {
	case ":method":
		set(&b.method)
	case ":path":
		set(&b.path)
	case ":scheme":
		set(&b.scheme)
	case ":authority":
		b.malformed = b.malformed || b.regular
		if b.all != nil {
			b.all[f.Name] = append(b.all[f.Name], f.Value)
		}
	default:
		b.malformed = true
	}
}

// isFieldName tells whether a header's name is one in HTTP/2, where it has no upper case.
func isFieldName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || 'A' <= c && c <= 'Z' || c == ':' {
			return false
		}
	}
	return name != ""
}

// begin begins a call.
func (c *conn) begin(id uint32) {
	b := &c.block
	s := c.newStream(id)
	method, known := c.server.options.Methods[b.path]
	s.path, s.method, s.ended, s.timeout, s.declared, s.message.Encoding = b.path, method, b.ended, b.timeout, b.declared, b.encoding
	s.message.UserAgent = b.userAgent
	if s.message.Encoding == "identity" {
		s.message.Encoding = ""
	}
	var err error
	switch {
	case b.malformed || b.method == "" || b.path == "" || b.scheme == "":
		c.reset(s, http2.ErrCodeProtocol)
	case len(c.streams) > c.server.options.StreamsMax:
		c.reset(s, http2.ErrCodeRefusedStream)
	case b.tooLarge:
		c.answerHTTP(s, "431")
	case b.method != "POST":
		c.answerHTTP(s, "405")
	case !isGRPC(b.contentType):
		c.answerHTTP(s, "415")
	case !known:
		c.answer(s, nil, unknownMethod(b.path))
	case !c.server.encodings[b.encoding]:
		c.refuse(s, RefusedEncoding, errors.New("grpc-encoding "+strconv.Quote(b.encoding)+" is not known"))
	default:
		if s.ctx, err = c.admit(b.all); err != nil {
			c.answer(s, nil, err)
			return
		}
		if s.ended {
			c.finish(s)
		}
	}
}

func (c *conn) admit(headers map[string][]string) (context.Context, error) {
	if admit := c.server.options.Admit; admit != nil {
		return admit(c.ctx, headers)
	}
	return c.ctx, nil
}

func isGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(contentType, "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// parseTimeout reads a grpc-timeout; 0 for none, or one that can't be read.
func parseTimeout(s string) time.Duration {
	if len(s) < 2 || len(s) > 9 {
		return 0
	}
	var unit time.Duration
	switch s[len(s)-1] {
	case 'H':
		unit = time.Hour
	case 'M':
		unit = time.Minute
	case 'S':
		unit = time.Second
	case 'm':
		unit = time.Millisecond
	case 'u':
		unit = time.Microsecond
	case 'n':
		unit = time.Nanosecond
	default:
		return 0
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if err != nil || n > math.MaxInt64/uint64(unit) { // beyond three centuries
		return 0
	}
	return time.Duration(n) * unit
}
