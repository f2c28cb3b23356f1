package rawgrpc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
)

// call makes a call and reads its answer.
func (p *peer) call(stream uint32) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		p.open(stream, callHeaders...)
		_ = p.WriteData(stream, true, message(nil))
	}()
	require.Equal(p.t, "status 0", p.outcome(stream))
	<-sent
}

// acknowledged reads the acknowledgement of a ping, and returns how long it took to come.
func (p *peer) acknowledged(data byte) time.Duration {
	began := time.Now()
	f, err := p.ReadFrame()
	require.NoError(p.t, err)
	ping, ok := f.(*http2.PingFrame)
	require.True(p.t, ok, "%v", f)
	require.True(p.t, ping.IsAck())
	require.Equal(p.t, [8]byte{data}, ping.Data)
	return time.Since(began)
}

func TestAProbeIsAcknowledgedWithTheNextAnswer(t *testing.T) {
	inBubble(t, Options{ReceiveTimeout: time.Minute}, func(t *testing.T, p *peer) {
		p.call(1)
		require.NoError(t, p.WritePing(false, [8]byte{1}))
		time.Sleep(10 * time.Millisecond)
		p.call(3) // would fail if the acknowledgement came before the answer
		require.Zero(t, p.acknowledged(1))
	})
}

func TestAProbeWithoutAnotherAnswerIsAcknowledgedSoon(t *testing.T) {
	inBubble(t, Options{ReceiveTimeout: time.Minute}, func(t *testing.T, p *peer) {
		p.call(1)
		require.NoError(t, p.WritePing(false, [8]byte{1}))
		require.LessOrEqual(t, p.acknowledged(1), watchMax)
	})
}

func TestOtherPingsAreAcknowledgedAtOnce(t *testing.T) {
	inBubble(t, Options{ReceiveTimeout: time.Minute}, func(t *testing.T, p *peer) {
		require.NoError(t, p.WritePing(false, [8]byte{1}))
		require.Zero(t, p.acknowledged(1))
		p.call(1)
		time.Sleep(probeWithin)
		require.NoError(t, p.WritePing(false, [8]byte{2}))
		require.Zero(t, p.acknowledged(2))
		p.call(3)
		go func() {
			_ = p.WritePing(false, [8]byte{3})
			_ = p.WritePing(false, [8]byte{4})
		}()
		p.acknowledged(3)
		require.Zero(t, p.acknowledged(4), "one that comes behind a probe")
	})
}
