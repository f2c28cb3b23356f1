package spanpipe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink takes kept traces and counts their spans.
type sink struct {
	mu    sync.Mutex
	fail  error
	spans map[string]int    // by trace and span id
	state map[string]string // trace state by trace id
}

func (s *sink) take(_ context.Context, request []byte, spans int) error {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	if td.SpanCount() != spans {
		return fmt.Errorf("told of %d spans, got %d", spans, td.SpanCount())
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				s.spans[sp.TraceID().String()+sp.SpanID().String()]++
				s.state[sp.TraceID().String()] = sp.TraceState().AsRaw()
			}
		}
	}
	return nil
}

// count returns how many spans came.
func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.spans)
}

func (s *sink) setFail(err error) {
	s.mu.Lock()
	s.fail = err
	s.mu.Unlock()
}

// world is an engine between a generator and a sink.
type world struct {
	t      *testing.T
	engine *Engine
	sink   sink
	rng    *rand.Rand
	cancel context.CancelFunc
	ran    chan struct{}

	serial   uint64
	padding  int  // bytes of an attribute that every span gets
	randomID bool // trace ids have randomness of their own
	states   map[string]int
	accepted map[string]bool // span ids by trace and span id
	errors   map[string]bool // trace ids with an error
}

func newWorld(t *testing.T, change func(*Settings)) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(1, 2)), ran: make(chan struct{}),
		sink:     sink{spans: map[string]int{}, state: map[string]string{}},
		accepted: map[string]bool{}, errors: map[string]bool{}, states: map[string]int{},
	}
	s := Settings{
		Config: DefaultConfig(), Limits: MemoryLimits{Buffers: 256 * mib}, WriterID: "test", Start: time.Now(), SendTraces: w.sink.take,
	}
	if change != nil {
		change(&s)
	}
	var err error
	w.engine, err = New(s)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	w.cancel = cancel
	go func() { w.engine.Run(ctx); close(w.ran) }()
	return w
}

// send puts a request through the engine.
func (w *world) send(request []byte) (Accepted, error) {
	r, err := w.engine.NewRequest(len(request), time.Now())
	if err != nil {
		return Accepted{}, err
	}
	copy(r.Body(), request)
	return r.Accept(time.Now())
}

type testSpan struct {
	trace  uint64
	failed bool
}

func traceID(n uint64) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[:], n+1)
	binary.BigEndian.PutUint64(id[8:], ^uint64(0)>>8) // randomness: as far from being kept by chance as can be
	id[15] = 0
	id[9] = 0
	return id
}

// request makes a request of spans, each 100 ms long, and notes them; accept says whether they count.
func (w *world) request(spans ...testSpan) ([]byte, func()) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	ss := rs.ScopeSpans().AppendEmpty()
	ids, failed := map[string]bool{}, map[string]bool{}
	for _, s := range spans {
		sp := ss.Spans().AppendEmpty()
		w.serial++
		var id pcommon.SpanID
		binary.BigEndian.PutUint64(id[:], w.serial)
		sp.SetTraceID(traceID(s.trace))
		if w.randomID {
			tid := sp.TraceID()
			binary.BigEndian.PutUint64(tid[8:], s.trace*0x9E3779B97F4A7C15)
			sp.SetTraceID(tid)
		}
		sp.SetSpanID(id)
		sp.SetName("GET /cart")
		sp.SetKind(ptrace.SpanKindServer)
		sp.SetStartTimestamp(1_700_000_000_000_000_000)
		sp.SetEndTimestamp(1_700_000_000_100_000_000)
		if s.failed {
			sp.Status().SetCode(ptrace.StatusCodeError)
			failed[sp.TraceID().String()] = true
		}
		if w.padding > 0 {
			sp.Attributes().PutEmptyBytes("padding").Append(make([]byte, w.padding)...)
		}
		ids[sp.TraceID().String()+id.String()] = true
	}
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(w.t, err)
	return b, func() {
		maps.Copy(w.accepted, ids)
		maps.Copy(w.errors, failed)
	}
}

// mustSend sends and requires that the request is accepted.
func (w *world) mustSend(spans ...testSpan) {
	b, note := w.request(spans...)
	_, err := w.send(b)
	require.NoError(w.t, err)
	note()
}

// end drains the engine and checks conservation and that every accepted trace with an error came out whole, once.
func (w *world) end() Stats {
	w.cancel()
	<-w.ran
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	left := w.engine.Drain(ctx)
	s := w.engine.Stats(time.Now())
	require.Equal(w.t, left.Spans, s.Held.Spans+s.QueuedSpans)
	require.Equal(w.t, uint64(len(w.accepted)), s.AcceptedSpans)
	require.Equal(w.t, s.AcceptedSpans, s.DeliveredSpans+s.DeliveredLateSpans+s.SendFailedSpans+
		s.Buffer.DroppedSpans+s.Buffer.LateDropped+s.Buffer.Truncated+s.LostSpans+s.Held.Spans+s.QueuedSpans)
	require.Zero(w.t, s.LostSpans)
	require.Equal(w.t, s.DeliveredSpans+s.DeliveredLateSpans, uint64(len(w.sink.spans)))
	for id, n := range w.sink.spans {
		require.Equal(w.t, 1, n, "span %s came out more than once", id)
		require.True(w.t, w.accepted[id], "span %s came out without having been accepted", id)
	}
	return s
}

// requireWholeErrors requires every span of every trace with an error to have come out.
func (w *world) requireWholeErrors() {
	for id := range w.accepted {
		if w.errors[id[:32]] {
			require.Equal(w.t, 1, w.sink.spans[id], "span %s of a trace with an error", id)
		}
	}
}

func TestKeepsErrorTracesWholeAndDropsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		for i := range uint64(2000) {
			w.mustSend(testSpan{trace: i}, testSpan{trace: i / 2}, testSpan{trace: i, failed: i%10 == 0})
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(15 * time.Second)
		s := w.end()
		w.requireWholeErrors()
		require.Equal(t, uint64(200), s.Buffer.KeptTraces)
		require.Equal(t, "ot=th:0", w.sink.state[traceID(10).String()])
		w.engine.Close()
		require.Zero(t, w.engine.budget.Total()-w.engine.budget.Used(6))
	})
}

func TestALateErrorRescuesADroppedTraceWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.mustSend(testSpan{trace: 1}, testSpan{trace: 2})
		time.Sleep(12 * time.Second)
		w.mustSend(testSpan{trace: 1})
		time.Sleep(12 * time.Second)
		w.mustSend(testSpan{trace: 1, failed: true})
		time.Sleep(time.Second)
		w.mustSend(testSpan{trace: 1})
		time.Sleep(time.Minute)
		w.mustSend(testSpan{trace: 2, failed: true}) // its spans are gone: kept alone
		time.Sleep(time.Minute)
		s := w.end()
		require.Len(t, w.sink.spans, 5)
		require.Equal(t, uint64(1), s.Buffer.RescuedWhole)
		require.Equal(t, uint64(1), s.Buffer.RescuedPartial)
		require.Empty(t, w.sink.state[traceID(1).String()], "the probability of a rescue is not known")
		w.engine.Close()
	})
}

func TestARefusedOrBrokenRequestLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		once, again := newWorld(t, nil), newWorld(t, nil)
		for i := range uint64(50) {
			spans := []testSpan{{trace: i}, {trace: i, failed: i%3 == 0}}
			once.mustSend(spans...)
			b, note := again.request(spans...)
			broken := append([]byte{}, b...)
			broken = append(broken, 0x0A, 0x7F) // a ResourceSpans that promises more than there is
			_, err := again.send(broken)
			require.Error(t, err)
			_, err = again.send(b)
			require.NoError(t, err)
			note()
		}
		a, _ := once.engine.Flush(time.Now())
		b, _ := again.engine.Flush(time.Now())
		require.Equal(t, marshal(t, a), marshal(t, b))
		time.Sleep(15 * time.Second)
		once.end()
		s := again.end()
		require.Equal(t, uint64(50), s.Refused[refusedInvalid].Requests)
		require.Equal(t, once.sink.spans, again.sink.spans)
		once.engine.Close()
		again.engine.Close()
	})
}

func marshal(t *testing.T, md pmetric.Metrics) string {
	b, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(md)
	require.NoError(t, err)
	return string(b)
}

func TestSpansWithoutATraceIDAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		spans.AppendEmpty()
		sp := spans.AppendEmpty()
		sp.SetTraceID(traceID(1))
		sp.SetSpanID(pcommon.SpanID{1})
		spans.AppendEmpty()
		b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		got, err := w.send(b)
		require.NoError(t, err)
		require.Equal(t, Accepted{Spans: 1, ZeroTraceID: 2}, got)
		w.accepted[traceID(1).String()+pcommon.SpanID{1}.String()] = true
		w.end()
		w.engine.Close()
	})
}

// overload offers far more than the budget and requires that what was accepted is conserved.
func overload(t *testing.T, fail error, allErrors bool) (*world, Stats) {
	w := newWorld(t, func(s *Settings) {
		s.Limits.Buffers = 64 * mib
		s.Config.Output.Retry.MaxElapsedTime = 0
	})
	w.sink.setFail(fail)
	w.padding = 500
	refused := 0
	for i := range uint64(2000) {
		spans := make([]testSpan, 400)
		for j := range spans {
			spans[j] = testSpan{trace: i*50 + uint64(j/8), failed: allErrors && j%8 == 3}
		}
		b, note := w.request(spans...)
		if _, err := w.send(b); err != nil {
			require.ErrorIs(t, err, ErrNoBudget)
			refused++
		} else {
			note()
		}
		require.LessOrEqual(t, w.engine.budget.Total(), w.engine.budget.Limit()*5/4)
		time.Sleep(2 * time.Millisecond)
	}
	require.NotZero(t, refused, "this was to be more than the budget holds")
	w.sink.setFail(nil)
	s := w.end()
	w.engine.Close()
	return w, s
}

func TestOverloadLosesNothingThatWasAccepted(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	synctest.Test(t, func(t *testing.T) {
		w, s := overload(t, nil, true)
		w.requireWholeErrors()
		require.NotZero(t, s.Buffer.EarlyTraces)
		require.Zero(t, s.SendFailedSpans)
	})
}

func TestOverloadWithTheSinkDownCountsWhatItGivesUp(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	synctest.Test(t, func(t *testing.T) {
		_, s := overload(t, errors.New("down"), true)
		require.NotZero(t, s.SendRetries)
		require.NotZero(t, s.SendFailedSpans)
	})
}
