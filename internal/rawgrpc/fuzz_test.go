package rawgrpc

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// FuzzConnection has a server read whatever comes behind a preface. It must end with the client, give everything back, and
// take no memory that it had no room for.
func FuzzConnection(f *testing.F) {
	headers := []byte{0x83, 0x86, 0x44, byte(len(echoPath))}
	headers = append(headers, echoPath...)
	headers = appendField(headers, "content-type", "application/grpc")
	var good []byte
	good = appendSettings(good)
	good = appendFrameHeader(good, len(headers), http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1)
	good = append(good, headers...)
	good = appendFrameHeader(good, 12, http2.FrameData, http2.FlagDataEndStream, 1)
	good = append(good, message([]byte("message"))...)
	f.Add(good)
	f.Add(appendPing(appendSettings(nil), 0, make([]byte, 8)))
	f.Add(appendWindowUpdate(appendSettings(nil), 0, 1<<30))
	f.Add(appendReset(append([]byte(nil), good...), 1, http2.ErrCodeCancel))

	room := &testRoom{}
	room.max.Store(1 << 20)
	s := New(Options{
		Methods:    map[string]Method{echoPath: {Take: echo}, waitPath: {Take: echo, Waits: true}},
		MessageMax: 1 << 20, StreamsMax: 10, ReceiveTimeout: time.Minute, Room: room,
		Refused: func(_ Call, _ Refusal, err error) error { return err },
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		client, server := net.Pipe()
		c := newConn(s, server)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.serve()
		}()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		_, _ = client.Write(append([]byte(http2.ClientPreface), data...))
		_ = client.Close()
		<-done
		if used := room.used.Load(); used != 0 {
			t.Fatalf("%d bytes were not given back", used)
		}
	})
}
