package spanpipe

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// tickInterval is how often due traces are looked for; a decision is at most this late.
const tickInterval = 50 * time.Millisecond

// trimTicks is how many ticks lie between two looks for idle memory to give back.
const trimTicks = 200

// Run decides, lets go and sends until ctx is done, then stops; what is held stays held for [Engine.Drain]. What is being
// sent at the end goes on until Drain returns: if it were broken off, the next consumer might have it and get it again.
func (e *Engine) Run(ctx context.Context) {
	e.startSenders(ctx)
	var compressing sync.WaitGroup
	defer compressing.Wait()
	compressing.Go(func() { e.compressLoop(ctx) })
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			e.tick(time.Now()) // the ticker's time is that of its tick, which may have waited for a processor
			if n%trimTicks == 0 {
				e.buf.Trim()
			}
		}
	}
}

// startSenders starts senders that begin nothing new once ctx is done.
func (e *Engine) startSenders(ctx context.Context) {
	if e.settings.SendTraces == nil {
		return
	}
	for range e.cfg.Output.Senders {
		e.senders.Go(func() { e.sendLoop(ctx) })
	}
}

func (e *Engine) sendLoop(ctx context.Context) {
	var assembler otlpwire.Assembler
	for {
		for b := e.out.next(); b != nil; b = e.out.next() {
			e.out.merge(b, &assembler)
			e.send(ctx, b)
			if ctx.Err() != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-e.out.wake:
		}
	}
}

// send tries until the batch is taken, refused for good, or given up. When ctx ends first, the try under way is the last,
// and the batch goes back to the front of the queue.
func (e *Engine) send(ctx context.Context, b *outBatch) {
	retry := e.cfg.Output.Retry
	sending := e.sending
	if b.context != 0 && e.settings.InContext != nil {
		sending = e.settings.InContext(sending, b.context)
	}
	wait := retry.InitialInterval
	started := time.Now()
	for {
		err := e.settings.SendTraces(sending, b.region[:b.used], int(b.spans))
		switch {
		case err == nil:
			e.counts.delivered(b)
			e.keepSent(b)
			e.out.done(b)
			return
		case ctx.Err() != nil:
			e.out.putBack(b)
			return
		case e.isPermanent(err) || retry.MaxElapsedTime > 0 && time.Since(started) >= retry.MaxElapsedTime:
			e.counts.sendFailed(b)
			e.keepSent(b)
			e.out.done(b)
			return
		}
		e.counts.retries.Add(1)
		if !e.waitForRetry(ctx, b, wait) {
			return
		}
		wait = min(2*wait, retry.MaxInterval)
	}
}

// waitForRetry returns false when the batch is not this sender's any more.
func (e *Engine) waitForRetry(ctx context.Context, b *outBatch, wait time.Duration) bool {
	e.out.waitForRetry(b)
	jittered := wait - wait/10 + rand.N(wait/5+1)
	timer := time.NewTimer(jittered)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	if !e.out.retry(b) {
		return false
	}
	if ctx.Err() != nil {
		e.out.putBack(b)
		return false
	}
	return true
}

func (e *Engine) isPermanent(err error) bool {
	return e.settings.IsPermanent != nil && e.settings.IsPermanent(err)
}

// Left is what could not be delivered before the end.
type Left struct {
	// Spans of kept or undecided traces that nobody took.
	Spans uint64
}

// Drain decides everything that is held and sends what is kept, until all is sent or ctx is done. Run must have
// returned, and no request may come any more.
func (e *Engine) Drain(ctx context.Context) Left {
	sendCtx, stop := context.WithCancel(ctx)
	defer stop()
	e.startSenders(sendCtx)
	ticker := time.NewTicker(tickInterval / 5)
	defer ticker.Stop()
	for done := false; !done; {
		decided := e.decideAll()
		e.out.flush()
		if done = decided && e.out.stats().batches == 0; done {
			break
		}
		select {
		case <-ctx.Done():
			done = true
		case <-ticker.C:
		}
	}
	stop()
	e.breakOff()
	e.senders.Wait()
	e.buf.Expire(1<<63 - 1)
	_, held := e.buf.Tally()
	return Left{Spans: held.Spans + e.out.stats().spans}
}

// DropUndecided drops all traces that are not decided yet and returns how many they are. What came late of kept ones goes
// out, though, be there room or not. Run must have returned, and no request may come any more.
func (e *Engine) DropUndecided() (traces int) {
	_, held := e.buf.Tally()
	e.buf.Decide(tracebuf.Round{Now: e.lastTick.Load(), Due: math.MaxInt64}, dropAll{&e.deciding}, unbounded{&e.emitter})
	return held.Undecided
}

// dropAll keeps nothing more.
type dropAll struct{ *deciding }

// Begin implements tracebuf.Decider.
func (dropAll) Begin(int64) bool { return false }

// Decide implements tracebuf.Decider.
func (dropAll) Decide(*tracebuf.Record) tracebuf.Verdict {
	return tracebuf.Verdict{Policy: sampling.NoPolicy}
}

// unbounded is an emitter that has room for all.
type unbounded struct{ *emitter }

// Room implements tracebuf.Emitter.
func (unbounded) Room() bool { return true }
