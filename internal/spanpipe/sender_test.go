package spanpipe

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// A next consumer may have taken a batch although its call was broken off.
func TestTheEndBreaksOffNoBatchThatIsBeingSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *world
		begun := make(chan struct{}, 2)
		w = newWorld(t, func(s *Settings) {
			s.SendTraces = func(ctx context.Context, request []byte, spans int) error {
				begun <- struct{}{}
				select {
				case <-time.After(3 * time.Second):
				case <-ctx.Done():
				}
				return errors.Join(w.sink.take(ctx, request, spans), ctx.Err())
			}
		})
		for i := range uint64(10) {
			w.mustSend(testSpan{trace: i, failed: true}, testSpan{trace: i})
		}
		<-begun
		w.end()
		w.requireWholeErrors()
		w.engine.Close()
	})
}

// The try under way at the end fails: the batch is sent again while the engine is drained.
func TestABatchThatFailsAtTheEndIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *world
		tries := 0
		begun := make(chan struct{}, 1)
		w = newWorld(t, func(s *Settings) {
			s.Config.Output.Senders = 1
			s.SendTraces = func(ctx context.Context, request []byte, spans int) error {
				if tries++; tries == 1 {
					begun <- struct{}{}
					time.Sleep(3 * time.Second)
					return errors.New("the next consumer is gone")
				}
				return w.sink.take(ctx, request, spans)
			}
		})
		w.mustSend(testSpan{trace: 1, failed: true})
		<-begun
		w.end()
		w.requireWholeErrors()
		require.Equal(t, 2, tries)
		w.engine.Close()
	})
}

// A next consumer that never answers keeps nobody from ending in time.
func TestADrainOutOfTimeBreaksOffWhatIsBeingSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := make(chan struct{}, 2)
		w := newWorld(t, func(s *Settings) {
			s.SendTraces = func(ctx context.Context, _ []byte, _ int) error {
				begun <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			}
		})
		w.mustSend(testSpan{trace: 1, failed: true})
		<-begun
		began := time.Now()
		require.EqualValues(t, 1, w.end().QueuedSpans)
		require.Equal(t, time.Minute, time.Since(began))
		w.engine.Close()
	})
}

// What a batch's traces say of the same resource and scope is told once.
func TestABatchTellsEachResourceOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *world
		sizes := map[int]int{} // resources by spans of the batch
		w = newWorld(t, func(s *Settings) {
			s.SendTraces = func(ctx context.Context, request []byte, spans int) error {
				td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
				if err != nil {
					return err
				}
				sizes[spans] = td.ResourceSpans().Len()
				return w.sink.take(ctx, request, spans)
			}
		})
		for i := range uint64(10) {
			w.mustSend(testSpan{trace: i, failed: true}, testSpan{trace: i})
		}
		w.end()
		w.requireWholeErrors()
		require.Equal(t, map[int]int{20: 1}, sizes)
		require.Zero(t, w.engine.out.stats())
		w.engine.Close()
		require.Zero(t, w.engine.budget.Used(tracebuf.UseOutput))
	})
}
