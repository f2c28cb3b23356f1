package otlpsloreceiver

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// large returns a request of about so many bytes.
func large(t *testing.T, size int) []byte {
	t.Helper()
	td := traceOf(5, size/600, false)
	padding := string(bytes.Repeat([]byte("x"), 500))
	for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		span.Attributes().PutStr("padding", padding)
	}
	return protoOf(t, td)
}

// patient is a configuration that holds traces for an hour, so that the budget fills up.
func patient(c *Config) {
	c.Memory.LimitMiB = 64
	c.Sampling.DecisionWait, c.Sampling.DecisionWaitMin = time.Hour, time.Hour
	c.Sampling.MaxTraceMiB = 4095
	c.ShutdownTimeout = time.Second
}

func TestAFullBudgetIsToldWithRetryInfo(t *testing.T) {
	var calls atomic.Int64
	r := start(t, withConfig(patient), withOutlet(func(o *outlet) {
		o.metrics = func(_ context.Context, md pmetric.Metrics) error { calls.Store(callsOf(md)); return nil }
	}))
	conn, body := r.dial(t), large(t, 3<<20)
	var err error
	for err == nil {
		_, err = export(t.Context(), conn, signalTraces, body)
	}
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	require.NotNil(t, retryInfo(err))
	delay := retryInfo(err).GetRetryDelay().AsDuration()
	require.GreaterOrEqual(t, delay, time.Second)
	require.LessOrEqual(t, delay, 2*time.Second)
	r.await(t, 1, "otelcol_otlp_slo_refused_requests", "reason", "no_budget", "transport", "grpc")

	got := r.post(t, "/v1/traces", protobufType, "", body)
	for got.code == 200 { // what a request is counted with while it arrives is not the same for both
		got = r.post(t, "/v1/traces", protobufType, "", body)
	}
	require.Equal(t, 429, got.code)
	accepted := r.figure(t, "otelcol_receiver_accepted_spans")
	seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
	require.NoError(t, err)
	require.Contains(t, []int{1, 2}, seconds)
	require.Equal(t, codes.ResourceExhausted, codes.Code(statusIn(t, got, protobufType).GetCode()))
	require.EqualValues(t, 1, r.figure(t, "otelcol_otlp_slo_refused_requests", "reason", "no_budget", "transport", "http"))

	_, err = export(t.Context(), conn, signalLogs, []byte{})
	require.NoError(t, err, "the other signals need no budget")
	require.Equal(t, accepted, r.figure(t, "otelcol_receiver_accepted_spans"))
	r.shutdown()
	require.Equal(t, accepted, calls.Load(), "what was refused left no trace in the metrics")
}

func TestRequestsAreRefusedUnreadWhileTooManyAreBeingReceived(t *testing.T) {
	r := start(t)
	holder := reservation{from: r.door.inFlight}
	require.NoError(t, holder.grow(t.Context(), r.door.inFlight.gate.Max()))
	body := large(t, 1<<20) // a small one fits into the read buffer, which every connection has
	conn := r.dial(t)

	var all sync.WaitGroup
	all.Go(func() {
		_, err := export(context.Background(), conn, signalTraces, body)
		if status.Code(err) != codes.ResourceExhausted || retryInfo(err) == nil {
			t.Errorf("want RESOURCE_EXHAUSTED with RetryInfo, got %v", err)
		}
	})
	all.Go(func() {
		got := r.post(t, "/v1/logs", jsonType, "", []byte("{}"))
		if got.code != 429 || got.header.Get("Retry-After") == "" {
			t.Errorf("want 429 with Retry-After, got %d", got.code)
		}
	})
	all.Wait()
	r.await(t, 2, "otelcol_otlp_slo_refused_requests", "reason", "in_flight_full")

	holder.release()
	_, err := export(t.Context(), conn, signalTraces, body)
	require.NoError(t, err)
}

func TestARequestThatWaitsForRoomIsTakenWhenThereIsSome(t *testing.T) {
	r := start(t)
	holder := reservation{from: r.door.inFlight}
	require.NoError(t, holder.grow(t.Context(), r.door.inFlight.gate.Max()))
	body := protoOf(t, traceOf(1, 1, false))
	go func() {
		for r.door.inFlight.waitingNow() == 0 { // until it waits
		}
		holder.release()
	}()
	require.Equal(t, 200, r.post(t, "/v1/traces", protobufType, "", body).code)
}

func (f *inFlight) waitingNow() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.waiting)
}

// watchedGate is the engine's gate, and remembers the most that was held.
type watchedGate struct {
	gate
	used, most atomic.Int64
}

func (r *running) watchGate() *watchedGate {
	f := r.door.inFlight
	f.mu.Lock()
	defer f.mu.Unlock()
	gate := &watchedGate{gate: f.gate}
	f.gate = gate
	return gate
}

func (g *watchedGate) TryAcquire(n int64) bool {
	if !g.gate.TryAcquire(n) {
		return false
	}
	if used := g.used.Add(n); used > g.most.Load() { // inFlight serializes
		g.most.Store(used)
	}
	return true
}

func (g *watchedGate) Release(n int64) {
	g.used.Add(-n)
	g.gate.Release(n)
}

func TestManyStreamsOfLargeRequestsStayWithinTheGate(t *testing.T) {
	const streams, conns = 400, 4
	r := start(t, withConfig(patient))
	gate := r.watchGate()
	body := large(t, grpcMessageMiBDefault<<20-100<<10)

	var all sync.WaitGroup
	var accepted, refused atomic.Int64
	for range conns {
		conn := r.dial(t)
		for range streams / conns {
			all.Go(func() {
				_, err := export(context.Background(), conn, signalTraces, body)
				switch {
				case err == nil:
					accepted.Add(1)
				case status.Code(err) == codes.ResourceExhausted && retryInfo(err) != nil:
					refused.Add(1)
				default:
					t.Errorf("want success or RESOURCE_EXHAUSTED with RetryInfo, got %v", err)
				}
			})
		}
	}
	all.Wait()
	require.EqualValues(t, streams, accepted.Load()+refused.Load())
	require.Positive(t, accepted.Load())
	require.Positive(t, refused.Load())
	require.LessOrEqual(t, gate.most.Load(), gate.Max())
	r.awaitNothingInFlight(t)
}
