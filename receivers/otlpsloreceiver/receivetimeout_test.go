package otlpsloreceiver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/tap"
)

func TestReceiveTimeoutEndsWhatIsStillBeingReceived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handle := receiveTimeoutTap(time.Second)
		stream, end := context.WithCancel(t.Context())
		ctx, err := handle(stream, &tap.Info{})
		require.NoError(t, err)
		child, cancel := context.WithCancel(ctx)
		defer cancel()
		require.NoError(t, ctx.Err())
		began := time.Now()
		<-child.Done()
		require.Equal(t, time.Second, time.Since(began))
		require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)

		ctx, err = handle(stream, &tap.Info{})
		require.NoError(t, err)
		endReceiveTimeout(context.WithValue(ctx, gatekeeper{}, 1))
		time.Sleep(time.Minute)
		require.NoError(t, ctx.Err(), "it has been received")
		end()
		require.ErrorIs(t, ctx.Err(), context.Canceled)
	})
}

func TestReceiveTimeoutLeavesNearerDeadlinesAlone(t *testing.T) {
	handle := receiveTimeoutTap(time.Hour)
	stream, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx, err := handle(stream, &tap.Info{})
	require.NoError(t, err)
	require.Equal(t, stream, ctx)
	endReceiveTimeout(ctx)
}

func BenchmarkReceiveTimeout(b *testing.B) {
	handle := receiveTimeoutTap(time.Minute)
	for name, deadline := range map[string]time.Duration{"nearer deadline": time.Second, "further deadline": time.Hour} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stream, cancel := context.WithTimeout(context.Background(), deadline)
				ctx, _ := handle(stream, &tap.Info{})
				endReceiveTimeout(ctx)
				cancel()
			}
		})
	}
}
