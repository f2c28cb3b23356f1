package replay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

// Options says how a recording is sent.
type Options struct {
	// Speed 0 sends as fast as possible; 1 at the recorded pace, 2 at twice that pace, and so on.
	Speed float64
	// MaxGap cuts recorded gaps without requests, before Speed divides them; 0 means 10 s.
	MaxGap time.Duration
	// Workers is how many requests may be under way at once; 0 means 1, which keeps their order.
	Workers int
	// Retry sends refused requests again until they are accepted.
	Retry bool
	// Progress, where set, is told after each request how many are done.
	Progress func(done, of int)
}

// Result is what became of a recording's requests.
type Result struct {
	Accepted int
	// Rejected is the number of items that accepted requests were told were rejected.
	Rejected int64
	// Refused counts refusals by their code, also of requests that were accepted later.
	Refused map[string]int
	// LastRefusal is what the server said in its last refusal.
	LastRefusal string
	Elapsed     time.Duration
}

// Err returns an error where a request was not accepted or an item rejected.
func (r Result) Err(rec *Recording) error {
	if r.Accepted == len(rec.Requests) && r.Rejected == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d requests were accepted, %d items rejected, refusals %v: %s",
		r.Accepted, len(rec.Requests), r.Rejected, r.Refused, r.LastRefusal)
}

// Send sends a recording and waits for all answers. It returns early, with an error, only when ctx is done.
func Send(ctx context.Context, rec *Recording, s send.Sender, o Options) (Result, error) {
	if o.MaxGap == 0 {
		o.MaxGap = 10 * time.Second
	}
	p := player{rec: rec, sender: s, options: o, result: Result{Refused: map[string]int{}}}
	started := time.Now()
	requests := make(chan *Request)
	var workers sync.WaitGroup
	for range max(1, o.Workers) {
		workers.Go(func() {
			for q := range requests {
				p.send(ctx, q)
			}
		})
	}
	err := p.feed(ctx, requests)
	close(requests)
	workers.Wait()
	p.result.Elapsed = time.Since(started)
	return p.result, err
}

type player struct {
	rec     *Recording
	sender  send.Sender
	options Options

	mu     sync.Mutex // protects what follows
	done   int
	result Result
}

// feed hands out requests when they are due.
func (p *player) feed(ctx context.Context, requests chan<- *Request) error {
	due := time.Now()
	for i := range p.rec.Requests {
		q := &p.rec.Requests[i]
		if p.options.Speed > 0 && i > 0 {
			gap := min(time.Duration(q.At-p.rec.Requests[i-1].At), p.options.MaxGap)
			due = due.Add(time.Duration(float64(max(0, gap)) / p.options.Speed))
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case requests <- q:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (p *player) send(ctx context.Context, q *Request) {
	var o send.Outcome
	if p.options.Retry {
		o, _ = send.Retry(ctx, counting{p}, p.rec.Signal, q.Body, nil)
	} else {
		o = counting{p}.Send(ctx, p.rec.Signal, q.Body)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if o.Code == send.OK {
		p.result.Accepted++
		p.result.Rejected += o.Rejected
	}
	if p.options.Progress != nil {
		p.options.Progress(p.done, len(p.rec.Requests))
	}
}

// counting is the player's sender, which counts refusals as they come.
type counting struct{ p *player }

func (c counting) Send(ctx context.Context, signal send.Signal, body []byte) send.Outcome {
	o := c.p.sender.Send(ctx, signal, body)
	if o.Code != send.OK {
		c.p.mu.Lock()
		c.p.result.Refused[o.Code]++
		c.p.result.LastRefusal = o.Message
		c.p.mu.Unlock()
	}
	return o
}

func (c counting) Close() error { return nil }

// String says what became of the requests, in one line.
func (r Result) String() string {
	return fmt.Sprintf("%d requests accepted in %v, refusals %v", r.Accepted, r.Elapsed.Round(time.Millisecond), r.Refused)
}
