package rawgrpc

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
)

// TestASmallerHeaderTableIsConfirmed: nghttp2's and Netty's decoders insist on it (RFC 7541, 4.2).
func TestASmallerHeaderTableIsConfirmed(t *testing.T) {
	for _, path := range []string{echoPath, failPath} {
		p := start(t).connect(t, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
		p.ReadMetaHeaders = nil
		p.open(1, with(without(":path")[:4], ":path", path, "content-type", "application/grpc")...)
		require.NoError(t, p.WriteData(1, true, message(nil)))
		for first, ended := true, false; !ended; {
			f, err := p.ReadFrame()
			require.NoError(t, err)
			if h, ok := f.(*http2.HeadersFrame); ok {
				require.Equal(t, first, h.HeaderBlockFragment()[0] == tableEmpty, "the first block, and no other")
				first, ended = false, h.StreamEnded()
			}
		}
	}
}
