package rawgrpc

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
)

// TestACallDoesNotAllocate sends calls as a client does that has sent many: every header is in the table.
func TestACallDoesNotAllocate(t *testing.T) {
	taken := 0
	r := start(t, func(o *Options) {
		o.Methods[echoPath] = Method{Take: func(_ context.Context, m *Message) ([]byte, error) { taken += m.Len(); return nil, nil }}
	})
	p := r.connect(t)
	for _, stream := range []uint32{1, 3} {
		p.open(stream, callHeaders...)
		require.NoError(t, p.WriteData(stream, true, message(nil)))
		require.Equal(t, "status 0", p.outcome(stream))
	}
	block, body := p.encode(callHeaders...), message(make([]byte, 130_000))
	var request []byte
	answer := make([]byte, 4<<10)
	stream := uint32(5)
	step := func() {
		request = appendFrameHeader(request[:0], len(block), http2.FrameHeaders, http2.FlagHeadersEndHeaders, stream)
		request = append(request, block...)
		for rest := body; len(rest) > 0; {
			n, flags := min(len(rest), frameMax), http2.Flags(0)
			if n == len(rest) {
				flags = http2.FlagDataEndStream
			}
			request = appendFrameHeader(request, n, http2.FrameData, flags, stream)
			request = append(request, rest[:n]...)
			rest = rest[n:]
		}
		stream += 2
		_, err := p.net.Write(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := readAnswer(p.net, answer); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		step()
	}
	require.LessOrEqual(t, testing.AllocsPerRun(200, step), 1.0, "now and then the garbage collector takes a pooled buffer")
	require.Equal(t, 301*130_000, taken)
}

// readAnswer reads frames until one ends its stream.
func readAnswer(c net.Conn, buf []byte) error {
	for {
		if _, err := io.ReadFull(c, buf[:frameHeader]); err != nil {
			return err
		}
		flags, kind := http2.Flags(buf[4]), http2.FrameType(buf[3])
		n := int(buf[1])<<8 | int(buf[2])
		if _, err := io.ReadFull(c, buf[:n]); err != nil {
			return err
		}
		if kind == http2.FrameHeaders && flags.Has(http2.FlagHeadersEndStream) {
			return nil
		}
	}
}

func BenchmarkCall(b *testing.B) {
	r := start(b, func(o *Options) {
		o.Methods[echoPath] = Method{Take: func(context.Context, *Message) ([]byte, error) { return nil, nil }}
	})
	conn := r.dial(b)
	body := make([]byte, 8<<10)
	b.ReportAllocs()
	began := time.Now()
	for b.Loop() {
		if _, err := call(b.Context(), conn, echoPath, body); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "calls/s")
}
