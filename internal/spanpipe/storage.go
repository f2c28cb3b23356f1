package spanpipe

import (
	"fmt"
	"math"
	"time"

	"github.com/otelcol-slo/otelcol-slo/internal/otlpwire"
	"github.com/otelcol-slo/otelcol-slo/internal/spanstore"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

// storeMargin is how long a request may take from the moment that it is said to have arrived at until it is recorded.
const storeMargin = 10 * time.Second

// storeBudgets is how many times the budget the store may take by itself: requests are held in it for as long as the trace of
// theirs that waits longest.
const storeBudgets = 4

// openStore opens the store, where one is configured, and takes in what an earlier process left there.
func (e *Engine) openStore() error {
	cfg := e.cfg.Sampling.Storage
	if cfg.Directory == "" || e.settings.SendTraces == nil {
		return nil
	}
	bytes := cfg.MaxMiB * mib
	if bytes == 0 {
		bytes = storeBudgets * e.budget.Limit()
	}
	store, left, err := spanstore.Open(cfg.Directory, bytes)
	if err != nil {
		return fmt.Errorf("cannot open sampling.storage.directory %q: %w", cfg.Directory, err)
	}
	e.store = store
	if !left.Empty() {
		e.recover(left)
	}
	return nil
}

// recover records what an earlier process held and had not sent, at the times of its arrival, and nothing else of it: to
// metrics it was counted then. A trace is decided at its original deadline; one that was dropped stays so unless a late span brings it back.
func (e *Engine) recover(left *spanstore.Left) {
	if oldest := left.Oldest(); oldest.Before(e.epoch) {
		e.epoch = oldest
	}
	e.recovered.until = e.clock(e.start)
	left.SentTraces(func(id *[16]byte) { e.buf.RememberKept(*id) })
	e.buf.BeginAsDropped(left.Dropped)
	damaged := left.Requests(func(stored *spanstore.Request) {
		if stored.At.After(e.start) { // the clock was set back
			stored.At = e.start
		}
		e.replay(left, stored)
	})
	e.recovered.damaged += damaged
	e.buf.BeginAsDropped(nil)
}

// replay records a stored request.
func (e *Engine) replay(left *spanstore.Left, stored *spanstore.Request) {
	e.recovered.requests++
	r, err := e.NewRequest(len(stored.Body), stored.At)
	if err != nil {
		e.recovered.damaged++
		return
	}
	defer r.end()
	copy(r.body, stored.Body)
	l, p := r.lane, e.plan.Load()
	b := &l.batch
	if err = otlpwire.Scan(r.body, p.schema, b); err == nil {
		for i := range b.Spans {
			if left.TakeSent(&b.Spans[i].TraceID, stored) {
				b.Spans[i].TraceID = [16]byte{}
			}
		}
		b.DropZeroTraceIDs()
		if b.Context, err = e.contextOf(stored, len(b.Spans)); err != nil {
			l.writer.Rollback()
			e.recovered.noContext++
			return
		}
		err = e.prepare(l, stored.At)
	}
	if err != nil {
		l.writer.Rollback()
		e.recovered.damaged++
		return
	}
	e.recovered.spans += uint64(len(b.Spans))
	p.slo.Judge(l.index, b)
	e.match(l, p.policies)
	e.buf.Record(l.writer, b, e.clock(stored.At))
	l.trim()
}

// contextOf returns the number that a stored request's context has in this process. One of which nothing is left to send gets none, so
// that it takes no number from others.
func (e *Engine) contextOf(stored *spanstore.Request, spans int) (uint32, error) {
	if stored.Context == "" || spans == 0 || e.settings.RestoreContext == nil {
		return 0, nil
	}
	return e.settings.RestoreContext(stored.Context)
}

// storedContext returns what is stored of a context.
func (e *Engine) storedContext(number uint32) string {
	if number == 0 || e.settings.StoredContext == nil {
		return ""
	}
	return e.settings.StoredContext(number)
}

// keepRequest stores a request that is about to be recorded. What can't be stored is taken nevertheless.
func (e *Engine) keepRequest(r *Request, now time.Time) {
	if e.store != nil {
		_ = e.store.Append(now, e.storedContext(r.context), r.body) // counted by the store
	}
}

// keepSent stores that a batch went out or was given up.
func (e *Engine) keepSent(b *outBatch) {
	if e.store != nil && len(b.sent) > 0 {
		_ = e.store.Sent(time.Now(), e.storedContext(b.context), b.sent) // counted by the store; at worst it is sent again
	}
}

// tickStore stores what was dropped and removes what nobody needs.
func (e *Engine) tickStore(now time.Time) {
	if e.store == nil {
		return
	}
	_ = e.store.Flush(now) // counted by the store: at worst it is decided again
	before := now
	if horizon := min(e.buf.Ages().Oldest, e.out.oldest()); horizon != math.MaxInt64 && e.at(horizon).Before(now) {
		before = e.at(horizon)
	}
	_ = e.store.Trim(before.Add(-storeMargin)) // tried again by the next tick
}

// recovered is what an earlier process left.
type recovered struct {
	requests, damaged int
	noContext         int // requests whose context can't be had in this process
	spans             uint64
	until             int64 // of the engine's clock: what arrived before was recovered
}

// seenBefore reports whether observers other than sampling may have been shown a trace by an earlier process.
func (e *Engine) seenBefore(r *tracebuf.Record) bool { return r.First() < e.recovered.until }
