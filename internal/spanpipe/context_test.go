package spanpipe

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// contextKey is the key of a number that InContext put into a context.
type contextKey struct{}

// parted is a next consumer that notes the context of every span.
type parted struct {
	mu      sync.Mutex
	numbers map[string][]uint32 // by trace and span id, of each time that it came
	calls   int
}

func (p *parted) take(ctx context.Context, request []byte, _ int) error {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
	if err != nil {
		return err
	}
	number, _ := ctx.Value(contextKey{}).(uint32)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	for _, rs := range td.ResourceSpans().All() {
		for _, sp := range rs.ScopeSpans().At(0).Spans().All() {
			id := sp.TraceID().String() + sp.SpanID().String()
			p.numbers[id] = append(p.numbers[id], number)
		}
	}
	return nil
}

// partedWorld is a world whose spans go out by context.
func partedWorld(t *testing.T, out *parted, change func(*Settings)) *world {
	var w *world
	w = newWorld(t, func(s *Settings) {
		s.SendTraces = func(ctx context.Context, request []byte, spans int) error {
			return errors.Join(w.sink.take(ctx, request, spans), out.take(ctx, request, spans))
		}
		s.InContext = func(ctx context.Context, number uint32) context.Context {
			require.NotZero(t, number)
			return context.WithValue(ctx, contextKey{}, number)
		}
		if change != nil {
			change(s)
		}
	})
	return w
}

// sendIn puts spans through the engine, whose context has a number, and notes their ids in want.
func (w *world) sendIn(number uint32, want map[string][]uint32, spans ...testSpan) {
	w.t.Helper()
	request, accept := w.request(spans...)
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
	require.NoError(w.t, err)
	for i, sp := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		if w.errors[sp.TraceID().String()] || spans[i].failed {
			want[sp.TraceID().String()+sp.SpanID().String()] = []uint32{number}
		}
	}
	r, err := w.engine.NewRequest(len(request), time.Now())
	require.NoError(w.t, err)
	copy(r.Body(), request)
	r.SetContext(number)
	_, err = r.Accept(time.Now())
	require.NoError(w.t, err)
	accept()
}

// Whatever contexts the spans of a trace came in, each goes out once, in its own.
func TestSpansGoOutInTheContextTheyCameIn(t *testing.T) {
	for _, contexts := range []int{1, 2, 40} {
		synctest.Test(t, func(t *testing.T) {
			out := &parted{numbers: map[string][]uint32{}}
			w := partedWorld(t, out, func(s *Settings) { s.Config.Output.QueueMiB = 1 })
			w.padding = 2000
			want := map[string][]uint32{}
			const traces = 60
			for i := range uint64(traces) {
				w.errors[traceID(i).String()] = true
				w.sendIn(uint32(w.rng.IntN(contexts)), want, testSpan{trace: i, failed: true})
			}
			for range 1500 {
				w.sendIn(uint32(w.rng.IntN(contexts)), want, testSpan{trace: w.rng.Uint64N(traces)}, testSpan{trace: w.rng.Uint64N(traces)})
				time.Sleep(time.Duration(w.rng.IntN(15)) * time.Millisecond) // the last ones come late
			}
			w.end()
			require.Equal(t, want, out.numbers)
			s := w.engine.Stats(time.Now())
			require.EqualValues(t, len(want), s.DeliveredSpans+s.DeliveredLateSpans)
			require.NotZero(t, s.DeliveredLateSpans)
			require.Equal(t, s.Buffer.LateKept, s.DeliveredLateSpans, "late spans are told apart in every part")
			require.GreaterOrEqual(t, s.DeliveredTraces, uint64(traces))
			require.Zero(t, w.engine.out.stats())
			w.engine.Close()
			require.Zero(t, w.engine.budget.Used(tracebuf.UseOutput))
		})
	}
}

// A trace in parts is one trace.
func TestATraceInManyContextsIsCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &parted{numbers: map[string][]uint32{}}
		w := partedWorld(t, out, nil)
		want := map[string][]uint32{}
		for number := range uint32(5) {
			w.sendIn(number, want, testSpan{trace: 1, failed: true})
		}
		w.end()
		require.Equal(t, want, out.numbers)
		require.Equal(t, 5, out.calls)
		require.EqualValues(t, 1, w.engine.Stats(time.Now()).DeliveredTraces)
		w.engine.Close()
	})
}

// More contexts than the queue has room for hold up nothing, and the queue stays within its bound.
func TestManyContextsStayWithinTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &parted{numbers: map[string][]uint32{}}
		w := partedWorld(t, out, func(s *Settings) {
			s.Config.Output.QueueMiB = 1
			s.Config.Output.BatchTimeout = time.Hour
		})
		want := map[string][]uint32{}
		for number := range uint32(1000) {
			w.sendIn(number, want, testSpan{trace: uint64(number), failed: true})
		}
		for range 600 {
			time.Sleep(tickInterval)
			require.LessOrEqual(t, w.engine.budget.Used(tracebuf.UseOutput), int64(2*mib+closeBatchOverdraft))
		}
		require.Greater(t, out.calls, 900, "without waiting for their timeout")
		w.end()
		require.Equal(t, want, out.numbers)
		w.engine.Close()
	})
}

// closeBatchOverdraft is what a batch of closed traces, each in a context of its own, may take beyond the bound.
const closeBatchOverdraft = 64 * outRegionSmall

func TestABatchGrowsWithItsContext(t *testing.T) {
	cfg := DefaultConfig().Output
	budget := tracebuf.NewBudget(64 * mib)
	q := newOutQueue(budget, &cfg, 64*mib, true)
	defer q.close()
	write := func(text byte, n int) func([]byte) []byte {
		return func(dst []byte) []byte {
			for range n {
				dst = append(dst, text)
			}
			return dst
		}
	}
	var want []byte
	for i := range 20 {
		n := 10 << 10
		require.NoError(t, q.append(outPiece{context: 1, size: n, spans: 1}, 0, write(byte(i), n)))
		want = write(byte(i), n)(want)
	}
	require.Empty(t, q.ready)
	require.Len(t, q.open, 1)
	require.Equal(t, want, q.open[0].region[:q.open[0].used])
	require.Len(t, q.open[0].region, 256<<10)
	require.EqualValues(t, 256<<10, budget.Used(tracebuf.UseOutput))

	require.NoError(t, q.append(outPiece{context: 1, size: outRegionSize, spans: 1}, 0, write(9, outRegionSize)))
	require.Len(t, q.ready, 1, "it grows no further")
	require.Len(t, q.open[0].region, outRegionSize)
}

// Whatever order the spans of a trace came in, those of one context stay together: a trace is not split for a batch's size.
func TestATraceIsSplitByContextOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &parted{numbers: map[string][]uint32{}}
		w := partedWorld(t, out, func(s *Settings) { s.Config.Output.BatchSpansMax = 5 })
		want := map[string][]uint32{}
		for i := range uint32(40) {
			w.sendIn(1+i%2, want, testSpan{trace: 1, failed: true})
		}
		w.end()
		require.Equal(t, want, out.numbers)
		require.Equal(t, 2, out.calls)
		w.engine.Close()
	})
}
