package load

import (
	"bytes"
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/send"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// Options says how a plan is sent.
type Options struct {
	// Workers is how many requests are under way at once; 0 means 4.
	Workers int
	// SpansPerSecond is the offered rate; 0: saturated, each worker sends as soon as its last request was answered.
	SpansPerSecond float64
	// Rounds is how many rounds begin new traces; 0: until the generator is stopped. With a number of rounds every trace is
	// sent to its last span, in the scattered shape in 7 rounds more.
	Rounds int
	// Retry sends a refused request again, whole and unchanged, until it is accepted, waiting as the server asked. Without it
	// a refused request is given up.
	Retry bool
}

// Stats is what became of the requests so far.
type Stats struct {
	// Requests, Spans and Bytes were acknowledged. Bytes are before compression.
	Requests, Spans, Bytes uint64
	// Rejected is the number of spans that acknowledged requests were told were rejected (partial success).
	Rejected int64
	// Refused counts refusals by their code, also of requests that were accepted later.
	Refused map[string]uint64
	// Waits counts the refusals that said when to come back.
	Waits uint64
	// GivenUp is the number of requests that were refused and not sent again.
	GivenUp uint64
	// LastRefusal is what the server said in its last refusal.
	LastRefusal string
}

// Generator is a load that is being sent.
type Generator struct {
	plan     *Plan
	sender   send.Sender
	options  Options
	schedule schedule
	bodies   [RequestsPerRound]body
	stopped  chan struct{}
	stopOnce sync.Once
	workers  sync.WaitGroup

	requests, spans, bytes atomic.Uint64

	mu    sync.Mutex // protects acked, stats and its map
	acked Acked
	stats Stats
}

// body is a request's bytes, patched anew before each time it is sent.
type body struct {
	mu    sync.Mutex // held while the request is under way
	bytes []byte
}

// Start begins to send. The generator ends by itself after its rounds, else by Stop, or when ctx is done: then requests under
// way are broken off, and whether they were accepted is not known. The sender stays the caller's.
func Start(ctx context.Context, p *Plan, s send.Sender, o Options) *Generator {
	if o.Workers == 0 {
		o.Workers = 4
	}
	g := &Generator{plan: p, sender: s, options: o, stopped: make(chan struct{}), stats: Stats{Refused: map[string]uint64{}}}
	g.schedule = schedule{plan: p, cohorts: o.Rounds}
	if o.SpansPerSecond > 0 {
		g.schedule.every = time.Duration(float64(time.Second) * float64(p.Spec.SpansPerRequest()) / o.SpansPerSecond)
	}
	for i := range g.bodies {
		g.bodies[i].bytes = bytes.Clone(p.requests[i].body)
	}
	for range o.Workers {
		g.workers.Go(func() { g.work(ctx) })
	}
	return g
}

// Stop ends the load: requests under way are answered first, refused ones are not sent again. It may be called twice.
func (g *Generator) Stop() {
	g.stopOnce.Do(func() { close(g.stopped) })
	g.workers.Wait()
}

// Wait returns when all rounds were sent.
func (g *Generator) Wait() { g.workers.Wait() }

// Spans returns the number of spans acknowledged so far; it costs nothing.
func (g *Generator) Spans() uint64 { return g.spans.Load() }

// Stats returns what became of the requests so far.
func (g *Generator) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stats
	s.Refused = maps.Clone(s.Refused)
	s.Requests, s.Spans, s.Bytes = g.requests.Load(), g.spans.Load(), g.bytes.Load()
	return s
}

// Acked returns which requests were acknowledged so far.
func (g *Generator) Acked() Acked {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Acked{rounds: append([]uint64(nil), g.acked.rounds...)}
}

func (g *Generator) work(ctx context.Context) {
	var ids []truth.TraceID
	for {
		j, ok := g.schedule.next()
		if !ok || !g.waitUntil(ctx, j.due) {
			return
		}
		ids = g.send(ctx, j, ids)
	}
}

func (g *Generator) send(ctx context.Context, j job, ids []truth.TraceID) []truth.TraceID {
	b := &g.bodies[j.request]
	b.mu.Lock()
	defer b.mu.Unlock()
	ids = g.plan.write(&g.plan.requests[j.request], b.bytes, j.cohort, j.base, ids)
	sender := send.Sender(counting{g})
	var o send.Outcome
	if g.options.Retry {
		o, _ = send.Retry(ctx, sender, send.Traces, b.bytes, g.stopped)
	} else {
		o = sender.Send(ctx, send.Traces, b.bytes)
	}
	if o.Code != send.OK {
		// The transport may still be reading the bytes: the next round gets its own.
		b.bytes = bytes.Clone(g.plan.requests[j.request].body)
		g.mu.Lock()
		g.stats.GivenUp++
		g.mu.Unlock()
		return ids
	}
	g.requests.Add(1)
	g.spans.Add(uint64(g.plan.Spec.SpansPerRequest()))
	g.bytes.Add(uint64(len(b.bytes)))
	g.mu.Lock()
	g.stats.Rejected += o.Rejected
	g.acked.set(j.round, j.request)
	g.mu.Unlock()
	return ids
}

// counting is the generator's sender, which counts refusals as they come.
type counting struct{ g *Generator }

func (c counting) Send(ctx context.Context, signal send.Signal, body []byte) send.Outcome {
	o := c.g.sender.Send(ctx, signal, body)
	if o.Code != send.OK {
		c.g.mu.Lock()
		c.g.stats.Refused[o.Code]++
		c.g.stats.LastRefusal = o.Message
		if o.RetryAfter > 0 {
			c.g.stats.Waits++
		}
		c.g.mu.Unlock()
	}
	return o
}

func (c counting) Close() error { return nil }

// waitUntil returns at a time, true unless the load ends before; the zero time has come already.
func (g *Generator) waitUntil(ctx context.Context, due time.Time) bool {
	var later <-chan time.Time
	if wait := time.Until(due); wait > 0 {
		later = time.After(wait)
	}
	select {
	case <-g.stopped:
		return false
	case <-ctx.Done():
		return false
	default:
	}
	if later == nil {
		return true
	}
	select {
	case <-later:
		return true
	case <-g.stopped:
		return false
	case <-ctx.Done():
		return false
	}
}
