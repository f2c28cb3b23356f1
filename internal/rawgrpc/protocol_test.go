package rawgrpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// peer speaks HTTP/2 frame by frame.
type peer struct {
	t   testing.TB
	net net.Conn
	*http2.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder
}

// connect greets the server, with settings.
func (r *running) connect(t testing.TB, settings ...http2.Setting) *peer {
	t.Helper()
	nc, err := net.Dial("tcp", r.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(20*time.Second)))
	p := &peer{t: t, net: nc, Framer: http2.NewFramer(nc, nc)}
	p.AllowIllegalWrites = true
	p.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.encoder = hpack.NewEncoder(&p.block)
	_, err = io.WriteString(nc, http2.ClientPreface)
	require.NoError(t, err)
	require.NoError(t, p.WriteSettings(settings...))
	return p
}

var callHeaders = []string{":method", "POST", ":scheme", "http", ":path", echoPath, "content-type", "application/grpc", "te", "trailers", "user-agent", "test/1"}

func (p *peer) encode(headers ...string) []byte {
	p.block.Reset()
	for i := 0; i < len(headers); i += 2 {
		require.NoError(p.t, p.encoder.WriteField(hpack.HeaderField{Name: headers[i], Value: headers[i+1]}))
	}
	return bytes.Clone(p.block.Bytes())
}

func (p *peer) open(stream uint32, headers ...string) {
	require.NoError(p.t, p.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: p.encode(headers...), EndHeaders: true}))
}

func message(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...)
}

// outcome is how a stream, or the connection, ended: "status 0", "http 415", "reset PROTOCOL_ERROR", "goaway …", "closed".
func (p *peer) outcome(stream uint32) string {
	for {
		f, err := p.ReadFrame()
		if err != nil {
			if errors.Is(err, io.EOF) || strings.Contains(err.Error(), "reset by peer") {
				return "closed"
			}
			return err.Error()
		}
		switch f := f.(type) {
		case *http2.GoAwayFrame:
			return "goaway " + f.ErrCode.String() + " " + string(f.DebugData())
		case *http2.RSTStreamFrame:
			if f.StreamID == stream {
				return "reset " + f.ErrCode.String()
			}
		case *http2.MetaHeadersFrame:
			if f.StreamID != stream || !f.StreamEnded() {
				continue
			}
			for _, field := range f.Fields {
				switch {
				case field.Name == "grpc-status":
					return "status " + field.Value
				case field.Name == ":status" && field.Value != "200":
					return "http " + field.Value
				}
			}
		}
	}
}

func with(headers []string, more ...string) []string {
	return append(append([]string(nil), headers...), more...)
}

// without returns the headers without one.
func without(name string) []string {
	var out []string
	for i := 0; i < len(callHeaders); i += 2 {
		if callHeaders[i] != name {
			out = append(out, callHeaders[i], callHeaders[i+1])
		}
	}
	return out
}

func TestHeadersOfACall(t *testing.T) {
	r := start(t)
	for name, tt := range map[string]struct {
		headers []string
		want    string
	}{
		"a call":                          {callHeaders, "status 0"},
		"a call of protobuf":              {with(without("content-type"), "content-type", "application/grpc+proto"), "status 0"},
		"no path":                         {without(":path"), "reset PROTOCOL_ERROR"},
		"no scheme":                       {without(":scheme"), "reset PROTOCOL_ERROR"},
		"a path that is not served":       {with(without(":path")[:4], ":path", "/x/Y", "content-type", "application/grpc"), "status 12"},
		"GET":                             {with([]string{":method", "GET"}, without(":method")...), "http 405"},
		"no gRPC":                         {with(without("content-type"), "content-type", "application/json"), "http 415"},
		"almost gRPC":                     {with(without("content-type"), "content-type", "application/grpcweb"), "http 415"},
		"upper case":                      {with(callHeaders, "Upper", "case"), "reset PROTOCOL_ERROR"},
		"a pseudo-header behind others":   {with(without(":path"), ":path", echoPath), "reset PROTOCOL_ERROR"},
		"a pseudo-header twice":           {with([]string{":path", echoPath}, callHeaders...), "reset PROTOCOL_ERROR"},
		"a pseudo-header that is not one": {with([]string{":status", "200"}, callHeaders...), "reset PROTOCOL_ERROR"},
		"a line break in a value":         {with(callHeaders, "name", "a\r\nb: c"), "reset PROTOCOL_ERROR"},
		"no ASCII in a value":             {with(callHeaders, "name", "später"), "status 0"},
		"connection":                      {with(callHeaders, "connection", "close"), "reset PROTOCOL_ERROR"},
		"te":                              {with(without("te"), "te", "gzip"), "reset PROTOCOL_ERROR"},
		"more headers than are taken":     {with(callHeaders, "a", strings.Repeat("x", 9000), "b", strings.Repeat("x", 9000)), "http 431"},
		"an encoding that is not known":   {with(callHeaders, "grpc-encoding", "brotli"), "status 12"},
		"a length that is not true":       {with(callHeaders, "content-length", "6"), "reset PROTOCOL_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			p := r.connect(t)
			p.open(1, tt.headers...)
			require.NoError(t, p.WriteData(1, true, message(nil)))
			require.Equal(t, tt.want, p.outcome(1))
		})
	}
}

func TestWhatBreaksHTTPEndsTheConnection(t *testing.T) {
	r := start(t)
	protocol := "goaway PROTOCOL_ERROR "
	for name, tt := range map[string]struct {
		send func(p *peer) error
		want string
	}{
		"data of no stream":           {func(p *peer) error { return p.WriteData(0, true, nil) }, protocol},
		"data of a stream not opened": {func(p *peer) error { return p.WriteData(1, true, nil) }, protocol},
		"a stream of the server's":    {func(p *peer) error { p.open(2, callHeaders...); return nil }, protocol},
		"a push": {func(p *peer) error {
			return p.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
		}, protocol},
		"a frame too large":          {func(p *peer) error { return p.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, frameMax+1)) }, "goaway FRAME_SIZE_ERROR "},
		"a ping of seven bytes":      {func(p *peer) error { return p.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 7)) }, "goaway FRAME_SIZE_ERROR "},
		"settings of a stream":       {func(p *peer) error { return p.WriteRawFrame(http2.FrameSettings, 0, 1, nil) }, protocol},
		"a window beyond all":        {func(p *peer) error { return p.WriteWindowUpdate(0, 1<<31-1) }, "goaway FLOW_CONTROL_ERROR "},
		"a window opened by nothing": {func(p *peer) error { return p.WriteRawFrame(http2.FrameWindowUpdate, 0, 0, make([]byte, 4)) }, protocol},
		"an initial window beyond all": {func(p *peer) error {
			return p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31})
		}, "goaway FLOW_CONTROL_ERROR "},
		"headers that can't be decoded": {func(p *peer) error {
			return p.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, []byte{0xff, 0xff, 0xff, 0xff, 0xff})
		}, "goaway COMPRESSION_ERROR "},
		"a continuation of nothing": {func(p *peer) error { return p.WriteContinuation(1, true, nil) }, protocol},
		"a frame between header blocks": {func(p *peer) error {
			_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1})
			return p.WritePing(false, [8]byte{})
		}, protocol},
		"padding longer than the frame": {func(p *peer) error {
			p.open(1, callHeaders...)
			return p.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, []byte{5, 0})
		}, protocol},
		"a stream that depends on itself": {func(p *peer) error { return p.WritePriority(1, http2.PriorityParam{StreamDep: 1}) }, protocol},
		"headers without an end": {func(p *peer) error {
			_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1})
			for range 5 {
				_ = p.WriteContinuation(1, false, make([]byte, frameMax))
			}
			return nil
		}, protocol},
		"empty continuations": {func(p *peer) error {
			_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1})
			return p.WriteContinuation(1, false, nil)
		}, protocol},
		"pings without end": {func(p *peer) error {
			for range 10 {
				_ = p.WritePing(false, [8]byte{})
			}
			return nil
		}, "goaway ENHANCE_YOUR_CALM too_many_pings"},
	} {
		t.Run(name, func(t *testing.T) {
			p := r.connect(t)
			require.NoError(t, tt.send(p))
			require.Equal(t, tt.want, p.outcome(1))
			require.Equal(t, "closed", p.outcome(1))
		})
	}
	t.Run("no preface", func(t *testing.T) {
		nc, err := net.Dial("tcp", r.address)
		require.NoError(t, err)
		defer nc.Close()
		_, err = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		require.NoError(t, nc.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = io.ReadAll(nc)
		require.NoError(t, err, "it is closed")
	})
}

func TestDataInEveryForm(t *testing.T) {
	r := start(t)
	body := []byte("a message")
	p := r.connect(t)
	stream := uint32(1)
	expect := func(want string) {
		t.Helper()
		require.Equal(t, want, p.outcome(stream))
		stream += 2
	}
	p.open(stream, callHeaders...)
	for _, b := range message(body) { // byte by byte
		require.NoError(t, p.WriteData(stream, false, []byte{b}))
	}
	require.NoError(t, p.WriteData(stream, true, nil))
	expect("status 0")

	p.open(stream, callHeaders...)
	require.NoError(t, p.WriteDataPadded(stream, true, message(body), make([]byte, 200)))
	expect("status 0")

	p.open(stream, callHeaders...)
	require.NoError(t, p.WriteData(stream, false, message(body)))
	require.NoError(t, p.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: p.encode("trailer", "x"), EndHeaders: true, EndStream: true}))
	expect("status 0")

	block := p.encode(callHeaders...) // headers in pieces, with priority and padding
	require.NoError(t, p.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: block[:1], PadLength: 9, Priority: http2.PriorityParam{StreamDep: 0, Weight: 9, Exclusive: true},
	}))
	require.NoError(t, p.WriteContinuation(stream, false, block[1:2]))
	require.NoError(t, p.WriteContinuation(stream, true, block[2:]))
	require.NoError(t, p.WriteRawFrame(0xbe, 0, stream, []byte("a kind of frame that nobody knows")))
	require.NoError(t, p.WriteData(stream, true, message(body)))
	expect("status 0")

	p.open(stream, callHeaders...)
	require.NoError(t, p.WriteData(stream, true, message(body)[:7]))
	expect("status 13")
	p.open(stream, callHeaders...)
	require.NoError(t, p.WriteData(stream, true, append(message(body), message(body)...)))
	expect("status 13")
	p.open(stream, callHeaders...)
	require.NoError(t, p.WriteData(stream, true, []byte{2, 0, 0, 0, 0}))
	expect("status 13")
	p.open(stream, callHeaders...)
	require.NoError(t, p.WriteData(stream, true, []byte{1, 0, 0, 0, 0}))
	expect("status 13")
	require.EqualValues(t, 4, r.refusals(RefusedFraming))

	p.open(stream, callHeaders...)
	require.NoError(t, p.WriteData(stream, false, message(body)[:7]))
	require.NoError(t, p.WriteRSTStream(stream, http2.ErrCodeCancel))
	p.open(stream+2, callHeaders...)
	require.NoError(t, p.WriteData(stream+2, true, message(body)))
	stream += 2
	expect("status 0")
	require.EqualValues(t, 1, r.refusals(RefusedNotReceived))
}

func TestStreamsBeyondTheLimitAreRefused(t *testing.T) {
	r := start(t, func(o *Options) { o.StreamsMax = 2 })
	p := r.connect(t)
	for _, stream := range []uint32{1, 3, 5} {
		p.open(stream, callHeaders...)
	}
	require.Equal(t, "reset REFUSED_STREAM", p.outcome(5))
	require.NoError(t, p.WriteData(1, true, message(nil)))
	require.Equal(t, "status 0", p.outcome(1))
	p.open(7, callHeaders...)
	require.NoError(t, p.WriteData(7, true, message(nil)))
	require.Equal(t, "status 0", p.outcome(7))
}

func TestAnswersWaitForTheClientsWindow(t *testing.T) {
	r := start(t)
	p := r.connect(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	for _, stream := range []uint32{1, 3, 5} {
		p.open(stream, callHeaders...)
		require.NoError(t, p.WriteData(stream, true, message(nil)))
	}
	require.NoError(t, p.WriteWindowUpdate(3, 100))
	require.Equal(t, "status 0", p.outcome(3))
	require.NoError(t, p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100}))
	require.Equal(t, "status 0", p.outcome(1))
	require.Equal(t, "status 0", p.outcome(5))
}

func TestAClientThatNeverOpensItsWindowIsCutOff(t *testing.T) {
	r := start(t, func(o *Options) { o.StreamsMax = 3 })
	p := r.connect(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	for stream := uint32(1); stream < 12; stream += 2 {
		p.open(stream, callHeaders...)
		require.NoError(t, p.WriteData(stream, true, message(nil)))
	}
	require.Equal(t, "goaway ENHANCE_YOUR_CALM ", p.outcome(1))
}

func TestASenderBeyondItsWindowIsCutOff(t *testing.T) {
	r := start(t, func(o *Options) { o.MessageMax = 64 << 20; o.Methods[echoPath] = Method{Take: echo, Waits: true} })
	p := r.connect(t)
	p.open(1, callHeaders...)
	require.NoError(t, p.WriteData(1, false, message(make([]byte, 63<<20))[:5]))
	frame := make([]byte, frameMax)
	go func() {
		for p.WriteData(1, false, frame) == nil { // windows are opened as bytes arrive: it takes one write to be beyond them
		}
	}()
	require.NotEqual(t, "status 0", p.outcome(1))
}
