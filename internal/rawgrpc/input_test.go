package rawgrpc

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyWhoSendsMuchHoldsALargeBuffer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	server, err := l.Accept()
	require.NoError(t, err)
	defer server.Close()

	room := &testRoom{}
	room.max.Store(1 << 20)
	in := newInput(server, room, 256<<10)
	ranOut := 0
	take := func(bytes int) (held int64) {
		go func() { _, _ = client.Write(make([]byte, bytes)) }()
		for got := 0; got < bytes; {
			require.NoError(t, in.read())
			held = max(held, room.used.Load())
			got += len(in.pending())
			in.r = in.w
			if in.tail() < frameMax+frameHeader && got < bytes {
				ranOut++
			}
			if in.tail() < frameMax+frameHeader || got == bytes {
				in.reset()
			}
		}
		require.Zero(t, room.used.Load(), "an idle connection holds nothing")
		return held
	}
	require.Zero(t, take(1))
	require.Zero(t, take(1000))
	take(300_000)
	for range largeBuffers {
		require.EqualValues(t, 256<<10, take(1), "what came lately was large")
	}
	require.Zero(t, take(1), "and now it was small")

	take(70_000) // begins in a small buffer, and its rest is small
	require.Positive(t, ranOut)
	ranOut = 0
	for range 10 {
		take(130_000)
	}
	require.Zero(t, ranOut, "messages of this size have one buffer each")
}
