package load

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/send"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// recorder is a sender that decodes what it is given; refuse says how often each request is refused first.
type recorder struct {
	mu     sync.Mutex
	truth  *truth.Builder
	spans  map[string]ptrace.Span
	tds    []ptrace.Traces
	refuse int
	seen   map[string]int
}

func newRecorder() *recorder {
	return &recorder{truth: truth.NewBuilder(Bounds), spans: map[string]ptrace.Span{}, seen: map[string]int{}}
}

func (r *recorder) Send(_ context.Context, _ send.Signal, body []byte) send.Outcome {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
	if err != nil {
		return send.Outcome{Code: "InvalidArgument", Message: err.Error()}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse > 0 {
		key := string(body)
		if r.seen[key]++; r.seen[key] <= r.refuse {
			return send.Outcome{Code: "ResourceExhausted", Retryable: true, RetryAfter: time.Microsecond}
		}
	}
	r.truth.Add(td)
	r.tds = append(r.tds, td)
	return send.Outcome{Code: send.OK}
}

func (r *recorder) Close() error { return nil }

func allSpecs() map[string]Spec {
	return map[string]Spec{"whole": Reference(), "scattered": ReferenceScattered(), "small": ReferenceSmall()}
}

// shortSpecs are the reference's shapes with fewer traces a request.
func shortSpecs() map[string]Spec {
	specs := allSpecs()
	for name, perRequest := range map[string]int{"whole": 5, "scattered": 40} {
		s := specs[name]
		s.TracesPerRequest = perRequest
		specs[name] = s
	}
	return specs
}

func TestReferenceLoadHasTheStatedSize(t *testing.T) {
	p, err := NewPlan(Reference())
	require.NoError(t, err)
	perSpan := float64(p.Bytes()) / float64(RequestsPerRound*p.Spec.SpansPerRequest())
	assert.InDelta(t, 526, perSpan, 1, "bytes a span in all")
	for i := range p.requests {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(p.requests[i].body)
		require.NoError(t, err)
		require.LessOrEqual(t, td.ResourceSpans().Len(), serviceCount)
		require.Equal(t, 256, td.SpanCount())
		for _, rs := range td.ResourceSpans().All() {
			require.Equal(t, 11, rs.Resource().Attributes().Len())
			require.Equal(t, 1, rs.ScopeSpans().Len())
			for _, span := range rs.ScopeSpans().At(0).Spans().All() {
				n := span.Attributes().Len()
				if span.Status().Code() == ptrace.StatusCodeError {
					n-- // error.type
				}
				require.Contains(t, []int{11, 12}, n)
			}
		}
	}
}

func TestPlanIsDeterministic(t *testing.T) {
	for name, spec := range shortSpecs() {
		a, err := NewPlan(spec)
		require.NoError(t, err)
		b, err := NewPlan(spec)
		require.NoError(t, err)
		for i := range a.requests {
			require.True(t, bytes.Equal(a.requests[i].body, b.requests[i].body), name)
		}
		spec.Seed++
		c, err := NewPlan(spec)
		require.NoError(t, err)
		assert.False(t, bytes.Equal(a.requests[0].body, c.requests[0].body), name)
		assert.NotEqual(t, a.TraceID(7), c.TraceID(7), name)
	}
}

// What a plan says of its load is what a decoder finds in the bytes that went out.
func TestTruthIsWhatWasSent(t *testing.T) {
	for name, spec := range shortSpecs() {
		t.Run(name, func(t *testing.T) {
			p, err := NewPlan(spec)
			require.NoError(t, err)
			rec := newRecorder()
			g := Start(t.Context(), p, rec, Options{Rounds: 3})
			g.Wait()

			st := g.Stats()
			assert.EqualValues(t, 3*RequestsPerRound, st.Requests)
			assert.EqualValues(t, 3*RequestsPerRound*spec.SpansPerRequest(), st.Spans)
			assert.Empty(t, st.Refused)
			found := rec.truth
			require.NoError(t, p.RED(g.Acked()).Plain().Diff(found.RED, 0))
			assert.Equal(t, st.Spans, found.RED.Calls())

			want := p.Traces(g.Acked())
			require.Len(t, found.Traces, len(want))
			require.Len(t, want, 3*spec.tracesPerCohort())
			for id, w := range want {
				f := found.Traces[id]
				require.NotNil(t, f)
				require.Equal(t, SpansPerTrace, f.Spans)
				require.Equal(t, [...]any{w.Spans, w.Error, w.Extent()}, [...]any{f.Spans, f.Error, f.Extent()})
			}
			keep := 0
			for id, w := range want {
				if w.KeptBy(slowMillis) {
					keep++
					require.Contains(t, p.TracesToKeep(g.Acked()), id)
				}
			}
			assert.Len(t, p.TracesToKeep(g.Acked()), keep)
			assert.Equal(t, 3*(share(0.01, spec.tracesPerCohort())*2), keep)
		})
	}
}

func TestSpansFormTrees(t *testing.T) {
	for name, spec := range shortSpecs() {
		t.Run(name, func(t *testing.T) {
			p, err := NewPlan(spec)
			require.NoError(t, err)
			rec := newRecorder()
			Start(t.Context(), p, rec, Options{Rounds: 2}).Wait()
			type key struct{ trace, span string }
			spans := map[key]bool{}
			perTrace := map[string]int{}
			roots := map[string]int{}
			var parents []key
			now := time.Now()
			for _, td := range rec.tds {
				for _, rs := range td.ResourceSpans().All() {
					for _, s := range rs.ScopeSpans().At(0).Spans().All() {
						k := key{s.TraceID().String(), s.SpanID().String()}
						require.False(t, spans[k], "span id %v twice", k)
						spans[k] = true
						perTrace[k.trace]++
						if s.ParentSpanID().IsEmpty() {
							roots[k.trace]++
						} else {
							parents = append(parents, key{k.trace, s.ParentSpanID().String()})
						}
						require.WithinRange(t, s.EndTimestamp().AsTime(), now.Add(-time.Minute), now)
						require.Greater(t, s.EndTimestamp(), s.StartTimestamp())
					}
				}
			}
			for id, n := range perTrace {
				require.Equal(t, SpansPerTrace, n)
				require.Equal(t, 1, roots[id])
			}
			for _, k := range parents {
				require.True(t, spans[k], "parent %v was never sent", k)
			}
		})
	}
}

func TestScatteredTracesAreSpreadOverEightRounds(t *testing.T) {
	p, err := NewPlan(shortSpecs()["scattered"])
	require.NoError(t, err)
	rec := newRecorder()
	Start(t.Context(), p, rec, Options{Rounds: 2, Workers: 1}).Wait()
	requests := map[string]map[int]bool{}
	for i, td := range rec.tds {
		for _, rs := range td.ResourceSpans().All() {
			for _, s := range rs.ScopeSpans().At(0).Spans().All() {
				id := s.TraceID().String()
				if requests[id] == nil {
					requests[id] = map[int]bool{}
				}
				require.False(t, requests[id][i], "two spans of a trace in one request")
				requests[id][i] = true
			}
		}
	}
	for _, r := range requests {
		require.Len(t, r, SpansPerTrace)
	}
}

func TestRefusedRequestsAreSentAgainUnchanged(t *testing.T) {
	p, err := NewPlan(ReferenceSmall())
	require.NoError(t, err)
	rec := newRecorder()
	rec.refuse = 2
	g := Start(t.Context(), p, rec, Options{Rounds: 2, Retry: true})
	g.Wait()
	st := g.Stats()
	assert.EqualValues(t, 2*RequestsPerRound, st.Requests)
	assert.EqualValues(t, 2*2*RequestsPerRound, st.Refused["ResourceExhausted"])
	assert.EqualValues(t, 2*2*RequestsPerRound, st.Waits)
	assert.Zero(t, st.GivenUp)
	require.NoError(t, p.RED(g.Acked()).Plain().Diff(rec.truth.RED, 0))
}

func TestWhatWasGivenUpIsNotInTheTruth(t *testing.T) {
	p, err := NewPlan(shortSpecs()["scattered"])
	require.NoError(t, err)
	rec := newRecorder()
	every := &refuseEvery{Sender: rec, n: 3}
	g := Start(t.Context(), p, every, Options{Rounds: 2})
	g.Wait()
	require.NotZero(t, g.Stats().GivenUp)
	require.NoError(t, p.RED(g.Acked()).Plain().Diff(rec.truth.RED, 0))
	for id, w := range p.Traces(g.Acked()) {
		f := rec.truth.Traces[id]
		require.NotNil(t, f, hex.EncodeToString(id[:]))
		require.Equal(t, fmt.Sprint(w.Spans, w.Error, w.Extent()), fmt.Sprint(f.Spans, f.Error, f.Extent()))
	}
}

type refuseEvery struct {
	send.Sender
	mu sync.Mutex
	n  int
	at int
}

func (r *refuseEvery) Send(ctx context.Context, s send.Signal, body []byte) send.Outcome {
	r.mu.Lock()
	r.at++
	refuse := r.at%r.n == 0
	r.mu.Unlock()
	if refuse {
		return send.Outcome{Code: "Unavailable", Retryable: true}
	}
	return r.Sender.Send(ctx, s, body)
}

func TestFixedRateIsKept(t *testing.T) {
	p, err := NewPlan(ReferenceSmall())
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		g := Start(t.Context(), p, discard{}, Options{SpansPerSecond: 16 * 100, Rounds: 2})
		g.Wait()
		// 128 requests, one every 10 ms.
		assert.Equal(t, 1270*time.Millisecond, time.Since(started))
		assert.EqualValues(t, 128, g.Stats().Requests)
	})
}

// A request under way when the load is stopped is answered first, and what was answered is in the truth.
func TestStopLosesNoAnswer(t *testing.T) {
	p, err := NewPlan(ReferenceSmall())
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder()
		g := Start(t.Context(), p, slow{rec}, Options{Workers: 3})
		time.Sleep(10500 * time.Millisecond)
		g.Stop()
		assert.EqualValues(t, 33, g.Stats().Requests)
		assert.Zero(t, g.Stats().GivenUp)
		assert.NoError(t, p.RED(g.Acked()).Plain().Diff(rec.truth.RED, 0))
	})
}

type slow struct{ send.Sender }

func (s slow) Send(ctx context.Context, signal send.Signal, body []byte) send.Outcome {
	select {
	case <-time.After(time.Second):
		return s.Sender.Send(ctx, signal, body)
	case <-ctx.Done():
		return send.Outcome{Code: "Canceled"}
	}
}

type discard struct{}

func (discard) Send(context.Context, send.Signal, []byte) send.Outcome {
	return send.Outcome{Code: send.OK}
}
func (discard) Close() error { return nil }

// What the generator costs by itself, without the transport.
func BenchmarkPatching(b *testing.B) {
	for name, spec := range allSpecs() {
		b.Run(name, func(b *testing.B) {
			p, err := NewPlan(spec)
			require.NoError(b, err)
			g := &Generator{plan: p, sender: discard{}, stopped: make(chan struct{}), schedule: schedule{plan: p}}
			for i := range g.bodies {
				g.bodies[i].bytes = append([]byte(nil), p.requests[i].body...)
			}
			b.ReportAllocs()
			var ids []truth.TraceID
			for b.Loop() {
				j, _ := g.schedule.next()
				ids = g.send(b.Context(), j, ids)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(spec.SpansPerRequest()), "ns/span")
		})
	}
}
