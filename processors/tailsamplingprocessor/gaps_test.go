package tailsamplingprocessor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The tests in this file and in metadata_test.go are named after what contrib's processor does wrong.

// large returns a trace of three spans of so many KiB each; failed: one has an error.
func large(number int, kib int, failed bool) ptrace.Traces {
	td := trace(0, 3, failed)
	for _, span := range spansOf(td) {
		span.SetTraceID(pcommon.TraceID{1, 2: byte(number >> 8), 3: byte(number), 15: 1})
		span.Attributes().PutEmptyBytes("padding").Append(make([]byte, kib<<10)...)
	}
	return td
}

// fill sends large traces, all with an error, until one is refused. It returns the refusal and how many were taken.
func (r *running) fill(ctx context.Context) (taken int, err error) {
	for {
		if err = r.ConsumeTraces(ctx, large(taken, 100, true)); err != nil {
			return taken, err
		}
		taken++
	}
}

// Contrib: the oldest trace makes room, and no policy is asked about it.
func TestOverflowDecidesWhatItLetsGoOf(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{decision_wait: 1h, decision_wait_min: 0s, memory: {limit_mib: 64},
			policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]}`)
		const traces, kib = 1000, 64 // 190 MiB
		for i := range traces {
			r.mustTake(t, large(i, kib, i%10 == 0))
			time.Sleep(10 * time.Millisecond)
		}
		early := r.figure(t, "early_decisions")
		require.Greater(t, early, int64(traces/2))
		require.Zero(t, r.figure(t, "decision_lag_traces"), "no deadline has come")
		require.Zero(t, r.figure(t, "refused_requests"))
		r.end(t)
		errorsSeen := map[pcommon.TraceID]int{}
		for _, c := range r.sink.calls {
			for _, span := range spansOf(c.td) {
				errorsSeen[span.TraceID()]++
			}
		}
		require.Len(t, errorsSeen, traces/10)
		for id, spans := range errorsSeen {
			require.Equal(t, 3, spans, id)
		}
	})
}

const keepAll = `memory: {limit_mib: 64}, policies: [{name: all, type: always_sample}]`

// Contrib: what the next consumer refuses is logged and gone.
func TestDownstreamFailureIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var up atomic.Bool
		next := &sink{answer: func(context.Context) error {
			if !up.Load() {
				return errors.New("the exporter's queue is full")
			}
			return nil
		}}
		r := startInFrontOf(t, `{decision_wait: 1s, `+keepAll+`}`, next)
		for i := range byte(50) {
			r.mustTake(t, trace(i, 3, false))
		}
		time.Sleep(5 * time.Minute)
		require.Empty(t, r.sink.calls)
		require.Greater(t, r.figure(t, "send_retries"), int64(10))
		require.EqualValues(t, 150, r.figure(t, "held_spans", "state", "queued"))
		up.Store(true)
		time.Sleep(20 * time.Second)
		require.EqualValues(t, 150, r.figure(t, "spans", "outcome", "delivered"))
		require.Len(t, r.sink.spans(), 50)
		r.end(t)
	})
}

// The same: an error for good, or the end of the patience, is counted.
func TestDownstreamFailureIsCounted(t *testing.T) {
	for name, answer := range map[string]error{
		"for good":            consumererror.NewPermanent(errors.New("no such index")),
		"until it is too old": errors.New("the exporter's queue is full"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := startInFrontOf(t, `{decision_wait: 1s, `+keepAll+`}`, &sink{answer: func(context.Context) error { return answer }})
				r.mustTake(t, trace(1, 3, false))
				time.Sleep(11 * time.Minute)
				require.EqualValues(t, 3, r.figure(t, "spans", "outcome", "send_failed"))
				require.EqualValues(t, 3, r.outcomes(t))
				r.end(t)
			})
		})
	}
}

// The same: while the next consumer takes nothing, senders are told to come again, instead of what they sent being lost.
func TestDownstreamFailureBecomesBackPressure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hung := make(chan struct{})
		release := sync.OnceFunc(func() { close(hung) })
		next := &sink{answer: func(context.Context) error { <-hung; return nil }}
		r := startInFrontOf(t, `{decision_wait: 1s, decision_wait_min: 0s, output: {senders: 1}, memory: {limit_mib: 128},
			policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]}`, next)
		t.Cleanup(release)
		var taken int
		var err error
		for err == nil {
			var n int
			n, err = r.fillFor(t, taken, 20)
			taken += n
		}
		require.False(t, consumererror.IsPermanent(err), err)
		require.ErrorContains(t, err, "send again later")
		require.Greater(t, taken, 50)
		require.EqualValues(t, 1, r.figure(t, "refused_requests", "reason", "no_budget"))
		require.EqualValues(t, 3*taken, r.outcomes(t))
		release()
		r.end(t)
		spans := 0
		for _, c := range r.sink.calls {
			spans += c.td.SpanCount()
		}
		require.Equal(t, 3*taken, spans, "all that was taken, and nothing else")
	})
}

// fillFor sends up to n large traces, half a second between them, and returns how many were taken.
func (r *running) fillFor(t testing.TB, from, n int) (int, error) {
	t.Helper()
	for i := range n {
		if err := r.ConsumeTraces(context.Background(), large(from+i, 100, true)); err != nil {
			return i, err
		}
		time.Sleep(500 * time.Millisecond)
	}
	return n, nil
}

// full is a processor that holds all that it may and lets nothing go for an hour.
const full = `decision_wait: 1h, decision_wait_min: 1h, ` + keepAll

// Contrib: a call that waits for room waits whatever becomes of its context.
func TestBlockingHeedsTheContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{block_on_overflow: true, `+full+`}`)
		ctx, cancel := context.WithCancel(context.Background())
		refused := make(chan error)
		taken := 0
		go func() {
			n, err := r.fill(ctx)
			taken = n
			refused <- err
		}()
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, r.figure(t, "waiting_requests"))
		canceled := time.Now()
		cancel()
		err := <-refused
		require.Zero(t, time.Since(canceled))
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, consumererror.IsPermanent(err))
		require.EqualValues(t, 1, r.figure(t, "refused_requests", "reason", "gave_up"))
		require.Zero(t, r.figure(t, "waiting_requests"))
		require.EqualValues(t, 3*taken, r.figure(t, "accepted_spans"))
		r.end(t)
	})
}

func TestBlockingEndsWithTheProcessor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{block_on_overflow: true, `+full+`}`)
		refused := make(chan error)
		go func() {
			_, err := r.fill(context.Background())
			refused <- err
		}()
		time.Sleep(time.Minute) // a multiple of roomInterval: the request looks for room while the processor ends
		r.end(t)
		require.False(t, r.empty(), "an engine whose memory is gone isn't asked")
		require.ErrorIs(t, <-refused, errShuttingDown)
	})
}

func TestBlockingWaitsForRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{block_on_overflow: true, decision_wait: 1m, decision_wait_min: 1m, `+keepAll+`}`)
		began := time.Now()
		const traces = 500 // 150 MiB
		for i := range traces {
			r.mustTake(t, large(i, 100, false))
		}
		require.GreaterOrEqual(t, time.Since(began), time.Minute, "the budget holds no half of it")
		require.Zero(t, r.figure(t, "refused_requests"))
		r.end(t)
		require.Equal(t, map[byte]int{1: 3 * traces}, r.sink.spans())
	})
}

func TestOverflowIsRefusedWithoutBlocking(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, `{`+full+`}`)
		taken, err := r.fill(context.Background())
		require.ErrorContains(t, err, "send again later")
		require.False(t, consumererror.IsPermanent(err))
		require.Greater(t, taken, 50)
		require.EqualValues(t, 1, r.figure(t, "refused_requests", "reason", "no_budget"))
		r.end(t)
	})
}

// A request that can never be held is not waited for.
func TestARequestThatIsTooLargeIsRefusedForGood(t *testing.T) {
	for _, block := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			r := start(t, fmt.Sprintf(`{block_on_overflow: %t, %s}`, block, full))
			err := r.ConsumeTraces(context.Background(), large(1, 30<<10, false))
			require.True(t, consumererror.IsPermanent(err), err)
			require.ErrorContains(t, err, "memory.limit_mib")
			require.EqualValues(t, 1, r.figure(t, "refused_requests", "reason", "too_large"))
			r.mustTake(t, large(1, 1, false))
			r.end(t)
		})
	}
}
