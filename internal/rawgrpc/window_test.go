package rawgrpc

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
)

// dataOf returns an answer's data and the lengths of the frames that it came in; window is opened by so much for each.
func (p *peer) dataOf(stream, window uint32) (data []byte, lengths []int) {
	for {
		f, err := p.ReadFrame()
		require.NoError(p.t, err)
		switch f := f.(type) {
		case *http2.DataFrame:
			data, lengths = append(data, f.Data()...), append(lengths, len(f.Data()))
			require.NoError(p.t, p.WriteWindowUpdate(stream, window))
		case *http2.MetaHeadersFrame:
			if f.StreamEnded() {
				return data, lengths
			}
		}
	}
}

// TestAnAnswerLargerThanTheWindow: a client opens its window for what it has got, so that all that fits has to be sent.
func TestAnAnswerLargerThanTheWindow(t *testing.T) {
	p := start(t).connect(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	p.open(1, callHeaders...)
	require.NoError(t, p.WriteData(1, true, message([]byte("body"))))
	data, lengths := p.dataOf(1, 20)
	require.Equal(t, message(digest([]byte("body"))), data)
	require.Equal(t, []int{10, 20, 7}, lengths)
}

// TestAnAnswerDoesNotWaitForOthers: its own window is open.
func TestAnAnswerDoesNotWaitForOthers(t *testing.T) {
	p := start(t).connect(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	p.open(1, callHeaders...)
	require.NoError(t, p.WriteData(1, true, message(nil)))
	p.open(3, callHeaders...)
	require.NoError(t, p.WriteWindowUpdate(3, 100))
	require.NoError(t, p.WriteData(3, true, message(nil)))
	require.Equal(t, "status 0", p.outcome(3))
}

// TestAnAnswerOfAStreamThatWasResetIsForgotten: nothing may be sent on it, and no window is opened for it.
func TestAnAnswerOfAStreamThatWasResetIsForgotten(t *testing.T) {
	r := start(t, func(o *Options) {
		o.StreamsMax = 2
		o.Methods[waitPath] = Method{Waits: true, Take: func(ctx context.Context, _ *Message) ([]byte, error) {
			<-ctx.Done()
			return nil, nil
		}}
	})
	p := r.connect(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	p.open(1, with(without(":path")[:4], ":path", waitPath, "content-type", "application/grpc")...)
	require.NoError(t, p.WriteData(1, true, message(nil)))
	require.NoError(t, p.WriteRSTStream(1, http2.ErrCodeCancel))
	stream := uint32(3)
	for ; stream < 20; stream += 2 {
		p.open(stream, callHeaders...)
		require.NoError(t, p.WriteData(stream, true, message(nil)))
		require.NoError(t, p.WriteRSTStream(stream, http2.ErrCodeCancel))
	}
	p.open(stream, callHeaders...)
	require.NoError(t, p.WriteWindowUpdate(stream, 100))
	require.NoError(t, p.WriteData(stream, true, message(nil)))
	for {
		f, err := p.ReadFrame()
		require.NoError(t, err)
		require.NotEqual(t, uint32(1), f.Header().StreamID, "%v", f)
		if f.Header().StreamID == stream && f.Header().Flags.Has(http2.FlagHeadersEndStream) {
			return
		}
	}
}

func TestTheLastOfManyWindowsCounts(t *testing.T) {
	p := start(t).connect(t)
	p.open(1, callHeaders...)
	var settings []http2.Setting
	for range 2000 {
		settings = append(settings, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	}
	require.NoError(t, p.WriteSettings(append(settings, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 30})...))
	require.NoError(t, p.WriteData(1, true, message(nil)))
	_, lengths := p.dataOf(1, 7)
	require.Equal(t, []int{30, 7}, lengths)
}
