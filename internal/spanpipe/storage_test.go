package spanpipe

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/slo"
	"github.com/otelcol-slo/otelcol-slo/internal/spanstore"
)

// storedIn configures a store.
func storedIn(dir string) func(*Settings) {
	return func(s *Settings) { s.Config.Sampling.Storage.Directory = dir }
}

// afterKill returns an engine on what a kill at this moment would leave of another one's store.
func (w *world) afterKill(dir string, change func(*Settings)) *world {
	other := w.t.TempDir()
	require.NoError(w.t, os.CopyFS(other, os.DirFS(dir)))
	return newWorld(w.t, func(s *Settings) {
		storedIn(other)(s)
		if change != nil {
			change(s)
		}
	})
}

// finish lets an engine decide and send all that it has, and closes it.
func (w *world) finish() {
	w.cancel()
	<-w.ran
	w.engine.Drain(w.t.Context())
	w.engine.Close()
}

func (w *world) spansOf(trace uint64) int {
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	n := 0
	for id, times := range w.sink.spans {
		if id[:32] == traceID(trace).String() {
			require.Equal(w.t, 1, times)
			n++
		}
	}
	return n
}

func TestAfterAKillEverythingGoesOnWhereItWas(t *testing.T) {
	for _, compression := range []string{"none", "s2"} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			w := newWorld(t, storedIn(dir))
			w.mustSend(testSpan{trace: 1, failed: true}, testSpan{trace: 1}, testSpan{trace: 2}) // 1 is sent, 2 dropped
			time.Sleep(12 * time.Second)
			require.Equal(t, 2, w.spansOf(1))
			w.mustSend(testSpan{trace: 1}) // late, and sent
			time.Sleep(time.Second)
			require.Equal(t, 3, w.spansOf(1))
			w.sink.setFail(errors.New("down"))
			w.mustSend(testSpan{trace: 3, failed: true}, testSpan{trace: 3}, testSpan{trace: 4, failed: true}, testSpan{trace: 5})
			w.mustSend(testSpan{trace: 1}) // late, and not sent
			time.Sleep(11 * time.Second)   // 3 and 4 are kept and not sent, 5 is dropped
			w.mustSend(testSpan{trace: 6, failed: true}, testSpan{trace: 7})
			time.Sleep(4 * time.Second) // 6 and 7 are not decided

			x := w.afterKill(dir, func(s *Settings) { s.Config.Sampling.Compression = compression })
			require.Equal(t, 5, x.engine.recovered.requests)
			md, _ := x.engine.Flush(time.Now())
			require.NotContains(t, marshal(t, md), "span.metrics.calls", "metrics counted it before")
			time.Sleep(time.Second)
			require.Equal(t, []int{1, 0, 2, 1, 0, 0}, []int{x.spansOf(1), x.spansOf(2), x.spansOf(3), x.spansOf(4), x.spansOf(5), x.spansOf(6)})
			require.Zero(t, x.spansOf(6))
			x.mustSend(testSpan{trace: 5, failed: true}, testSpan{trace: 6}, testSpan{trace: 3}) // a late error, one more, a late one
			time.Sleep(4500 * time.Millisecond)                                                  // 9.5 s after 6 came first
			require.Zero(t, x.spansOf(6), "not before its deadline")
			time.Sleep(time.Second)
			require.Equal(t, 2, x.spansOf(6))
			require.Equal(t, 2, x.spansOf(5), "a late error brings back what was dropped before the kill")
			require.Equal(t, 3, x.spansOf(3), "a late span follows")
			require.Zero(t, x.spansOf(7))
			require.Zero(t, x.spansOf(2))
			x.finish()
			w.sink.setFail(nil)
			w.finish()
		})
	}
}

func TestASecondKillRightAfterTheFirstLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w := newWorld(t, storedIn(dir))
		for i := range uint64(100) {
			w.mustSend(testSpan{trace: i, failed: i%2 == 0}, testSpan{trace: i})
		}
		x := w.afterKill(dir, nil)
		y := x.afterKill(x.engine.cfg.Sampling.Storage.Directory, nil)
		time.Sleep(11 * time.Second)
		for i := range uint64(100) {
			require.Equal(t, int(1-i%2)*2, y.spansOf(i))
		}
		w.finish()
		x.finish()
		y.finish()
	})
}

// What was dropped is not asked about again, whatever policies there are now.
func TestAfterAKillDroppedTracesStayDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w := newWorld(t, storedIn(dir))
		w.mustSend(testSpan{trace: 1}, testSpan{trace: 1})
		time.Sleep(11 * time.Second)
		w.mustSend(testSpan{trace: 2}) // not decided
		x := w.afterKill(dir, func(s *Settings) {
			s.Config.Sampling.Policies = []sampling.PolicyConfig{{Name: "all", Type: "always_sample"}}
		})
		time.Sleep(11 * time.Second)
		require.Equal(t, []int{0, 1}, []int{x.spansOf(1), x.spansOf(2)})
		x.finish()
		w.finish()
	})
}

// Kept traces stay stored for as long as the next consumer refuses them, also where their records are long gone.
func TestWhatWaitsToBeSentStaysStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w := newWorld(t, func(s *Settings) {
			storedIn(dir)(s)
			s.Config.Sampling.RescueWindow = 0
		})
		w.sink.setFail(errors.New("down"))
		w.padding = 1 << 20
		for i := range uint64(100) { // several files
			w.mustSend(testSpan{trace: i, failed: i < 3})
			time.Sleep(time.Second)
		}
		time.Sleep(3 * time.Minute)
		x := w.afterKill(dir, nil)
		time.Sleep(time.Second)
		require.Equal(t, []int{1, 1, 1, 0}, []int{x.spansOf(0), x.spansOf(1), x.spansOf(2), x.spansOf(3)})
		x.finish()
		w.sink.setFail(nil)
		w.finish()
		require.Less(t, w.engine.store.Stats().Bytes, int64(110<<20))
	})
}

func TestWhatNobodyNeedsLeavesTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			storedIn(t.TempDir())(s)
			s.Config.Sampling.RescueWindow = 0
		})
		w.padding = 10_000
		for i := range uint64(60) {
			for j := range uint64(10) {
				w.mustSend(testSpan{trace: i*100 + j, failed: j == 0}, testSpan{trace: i*100 + j}, testSpan{trace: i * 100})
			}
			time.Sleep(time.Second)
		}
		stored := w.engine.store.Stats()
		require.Positive(t, stored.Bytes)
		time.Sleep(time.Minute)
		require.Zero(t, w.engine.store.Stats().Bytes)
		require.Zero(t, stored.Failed+stored.Evicted)
		w.end()
		w.engine.Close()
	})
}

func TestStoredRequestsThatCannotBeReadAreCounted(t *testing.T) {
	dir := t.TempDir()
	store, _, err := spanstore.Open(dir, 1<<30)
	require.NoError(t, err)
	require.NoError(t, store.Append(time.Now(), "", []byte("no request")))
	require.NoError(t, store.Close())
	w := newWorld(t, storedIn(dir))
	stats := w.engine.Stats(time.Now())
	require.Equal(t, []int{1, 1}, []int{stats.RecoveredRequests, stats.DamagedRequests})
	w.finish()
}

func TestAStoreThatCannotBeOpenedIsToldAtStart(t *testing.T) {
	file := t.TempDir() + "/file"
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := New(Settings{
		Config: func() Config {
			c := DefaultConfig()
			c.Sampling.Storage = sampling.StorageConfig{Directory: file}
			return c
		}(),
		Limits: MemoryLimits{Buffers: 64 * mib}, Start: time.Now(), WriterID: "test", SendTraces: (&sink{}).take,
	})
	require.ErrorContains(t, err, "cannot open sampling.storage.directory")
}

// What SLOs say of a span is no part of what is stored: it is said again, and not counted again.
func TestAfterAKillSLOsJudgeWhatIsRecoveredAndCountItNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		keepBadEvents := func(s *Settings) {
			s.Config.SLO.SLOs = []slo.SLO{{Name: "errors", Service: "*", Objective: 99, Errors: &slo.Errors{}}}
			s.Config.Sampling.Policies = []sampling.PolicyConfig{{Name: "slo", Type: "slo", SLO: &sampling.SLOConfig{}}}
		}
		w := newWorld(t, func(s *Settings) {
			storedIn(dir)(s)
			keepBadEvents(s)
		})
		w.mustSend(testSpan{trace: 1, failed: true}, testSpan{trace: 1}, testSpan{trace: 2})
		require.Contains(t, marshal(t, flushed(w)), `"asInt":"1"`)

		x := w.afterKill(dir, keepBadEvents)
		require.NotContains(t, marshal(t, flushed(x)), `"asInt":"1"`)
		time.Sleep(12 * time.Second)
		require.Equal(t, []int{2, 0}, []int{x.spansOf(1), x.spansOf(2)})
	})
}

func flushed(w *world) pmetric.Metrics {
	md, _ := w.engine.Flush(time.Now())
	return md
}
