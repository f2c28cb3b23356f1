package metricload

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

// Options says how a plan is sent.
type Options struct {
	// Workers is how many requests are under way at once; 0 means 4.
	Workers int
	// Rounds is how many rounds are sent.
	Rounds int
	// Every is the time from the begin of one round to that of the next; 0: a round begins when the last one was answered.
	Every time.Duration
}

// Round is what became of one round.
type Round struct {
	// Millis is the time of all its points, Unix milliseconds. No two rounds have the same.
	Millis int64
	// Late is by how much its last answer came after the time that the round had; 0 where it came in time or there was none.
	Late time.Duration
}

// Result is what became of a load.
type Result struct {
	Rounds []Round
	// Refused is how many refusals there were; such requests were sent again where the answer allowed it.
	Refused int
	// GivenUp is how many requests were refused for good, LastRefusal what was said of the last.
	GivenUp     int
	LastRefusal string
}

// Late is the longest that a round was late.
func (r *Result) Late() time.Duration {
	var late time.Duration
	for _, round := range r.Rounds {
		late = max(late, round.Late)
	}
	return late
}

// Drive sends a plan's rounds and returns when all were answered. One plan is driven by one caller at a time. Rounds do not
// overlap, so that the samples of a series leave in order.
func Drive(ctx context.Context, p *Plan, s send.Sender, o Options) (Result, error) {
	if o.Workers == 0 {
		o.Workers = 4
	}
	d := &driver{plan: p, sender: s, options: o}
	begin, millis := time.Now(), int64(0)
	for n := range o.Rounds {
		due := begin.Add(time.Duration(n) * o.Every)
		if err := wait(ctx, due); err != nil {
			return d.result, err
		}
		if now := time.Now(); o.Every == 0 || now.After(due) {
			due = now
		}
		millis = max(due.UnixMilli(), millis+1)
		if err := d.round(ctx, due, millis); err != nil {
			return d.result, err
		}
		round := Round{Millis: millis}
		if o.Every > 0 {
			round.Late = max(0, time.Since(begin.Add(time.Duration(n+1)*o.Every)))
		}
		d.result.Rounds = append(d.result.Rounds, round)
	}
	return d.result, nil
}

type driver struct {
	plan    *Plan
	sender  send.Sender
	options Options

	mu     sync.Mutex // protects result while workers run
	result Result
}

// round sends every request once.
func (d *driver) round(ctx context.Context, begin time.Time, millis int64) error {
	var every time.Duration
	if d.plan.Spec.Shape == Agents {
		every = d.options.Every / time.Duration(len(d.plan.requests))
	}
	at := time.UnixMilli(millis)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range d.options.Workers {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(d.plan.requests) || wait(ctx, begin.Add(time.Duration(i)*every)) != nil {
					return
				}
				d.send(ctx, &d.plan.requests[i], at)
			}
		})
	}
	workers.Wait()
	return ctx.Err()
}

func (d *driver) send(ctx context.Context, r *request, at time.Time) {
	r.write(at)
	o, refused := send.Retry(ctx, d.sender, send.Metrics, r.body, nil)
	if o.Code == send.OK && o.Rejected == 0 && refused == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.result.Refused += refused
	if o.Code != send.OK || o.Rejected != 0 {
		d.result.GivenUp++
		d.result.LastRefusal = fmt.Sprintf("%s: %s", o.Code, o.Message)
	}
}

// wait returns at a time, or with an error when ctx is done before.
func wait(ctx context.Context, until time.Time) error {
	left := time.Until(until)
	if left <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(left):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
