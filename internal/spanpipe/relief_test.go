package spanpipe

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func withBuffers(bytes int64) func(*Settings) {
	return func(s *Settings) { s.Limits.Buffers = bytes }
}

func TestARequestThatCanNeverFitEvictsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withBuffers(64*mib))
		for i := range uint64(100) {
			w.mustSend(testSpan{trace: i})
			time.Sleep(100 * time.Millisecond)
		}
		_, err := w.engine.NewRequest(60*mib, time.Now())
		require.ErrorIs(t, err, ErrNoBudget)
		s := w.engine.Stats(time.Now())
		require.Equal(t, 100, s.Held.Traces)
		require.Zero(t, s.Buffer.EarlyTraces)
		w.end()
	})
}

func TestLargeRequestsFollowEachOtherInASmallBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withBuffers(64*mib))
		w.padding = 24 * mib
		for i := range uint64(10) {
			b, note := w.request(testSpan{trace: i})
			_, err := w.send(b)
			for range w.engine.laneList { // each lane may hold a slab that is of no use any more until it is asked
				if err != nil {
					_, err = w.send(b)
				}
			}
			require.NoError(t, err, "request %d", i)
			note()
			time.Sleep(2 * time.Minute)
		}
		w.end()
	})
}

func TestASmallBudgetOnAMachineOfManyProcessorsServesAllRequests(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(128))
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withBuffers(64*mib))
		for i := range uint64(2000) {
			w.mustSend(testSpan{trace: i})
		}
		w.end()
	})
}
