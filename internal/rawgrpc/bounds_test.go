package rawgrpc

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// script is a connection that has sent all that it will, and takes whatever is written.
type script struct {
	net.Conn
	sent    io.Reader
	largest int // write
}

func (s *script) Read(p []byte) (int, error) { return s.sent.Read(p) }
func (s *script) Write(p []byte) (int, error) {
	s.largest = max(s.largest, len(p))
	return len(p), nil
}
func (s *script) Close() error                      { return nil }
func (s *script) SetReadDeadline(_ time.Time) error { return nil }

// play has a server read what was sent, and returns the connection behind it.
func play(t *testing.T, sent []byte, change ...func(*Options)) (*script, *conn) {
	t.Helper()
	s := &script{sent: io.MultiReader(strings.NewReader(http2.ClientPreface), bytes.NewReader(appendSettings(nil)), bytes.NewReader(sent))}
	c := newConn(start(t, change...).Server, s)
	c.serve()
	return s, c
}

// TestWhatIsToBeWrittenStaysSmall: a path of 4 KiB in the header table takes a byte to repeat and is told in each answer.
func TestWhatIsToBeWrittenStaysSmall(t *testing.T) {
	var block, sent bytes.Buffer
	encoder, framer := hpack.NewEncoder(&block), http2.NewFramer(&sent, nil)
	path := "/" + strings.Repeat("%", 3800)
	for i := range 2000 {
		block.Reset()
		for _, f := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", path}, {"content-type", "application/grpc"}} {
			require.NoError(t, encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
		}
		require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: uint32(2*i + 1), BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true,
		}))
	}
	s, _ := play(t, sent.Bytes())
	require.Less(t, s.largest, 2*outKept)
}

// TestTinyFramesTakeNoMemory sends a message in frames of a byte.
func TestTinyFramesTakeNoMemory(t *testing.T) {
	var block, sent bytes.Buffer
	encoder, framer := hpack.NewEncoder(&block), http2.NewFramer(&sent, nil)
	for i := 0; i < len(callHeaders); i += 2 {
		require.NoError(t, encoder.WriteField(hpack.HeaderField{Name: callHeaders[i], Value: callHeaders[i+1]}))
	}
	require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}))
	body := randomBytes(20_000)
	for _, b := range message(body) {
		require.NoError(t, framer.WriteData(1, false, []byte{b}))
	}
	require.NoError(t, framer.WriteData(1, true, nil))
	var got []byte
	_, c := play(t, sent.Bytes(), func(o *Options) {
		o.ReadBuffer = 1 << 20
		o.Methods[echoPath] = Method{Take: func(ctx context.Context, m *Message) ([]byte, error) {
			var err error
			got, err = echo(ctx, m)
			return got, err
		}}
	})
	require.Equal(t, digest(body), got)
	require.LessOrEqual(t, cap(c.spare[0].message.pieces), 2*piecesMax)
}

func TestALargeHeaderBlockIsNotKept(t *testing.T) {
	var sent bytes.Buffer
	framer := http2.NewFramer(&sent, nil)
	block := []byte{0x83, 0x86}
	for range 3 {
		block = appendField(block, "name", strings.Repeat("x", 15_000))
	}
	require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:2]}))
	for rest := block[2:]; len(rest) > 0; {
		n := min(len(rest), frameMax)
		require.NoError(t, framer.WriteContinuation(1, n == len(rest), rest[:n]))
		rest = rest[n:]
	}
	_, c := play(t, sent.Bytes())
	require.LessOrEqual(t, cap(c.block.bytes), blockKept)
}
