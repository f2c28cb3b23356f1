package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/load"
	"github.com/otelcol-slo/otelcol-slo/testbed/peers"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// correctness figures: how many rounds of either shape are sent, how often metrics are written meanwhile, how far sums may
// differ, what share of ordinary traces is kept, and how many standard deviations chance may take from it.
const (
	correctRounds = 24
	correctFlush  = 2 * time.Second
	relativeSum   = 1e-9
	randomShare   = 0.01
	sigmas        = 4.5
	settleTimeout = 60 * time.Second
	// limitSlack is how much more than the time of sending a limit may allow: its burst, and the second that has begun.
	limitSlack = 4 * time.Second
)

// correctness sends every arm the same requests and compares what comes out with the truth, and so with each other.
func (b *bench) correctness(ctx context.Context) error {
	var errs []error
	for _, spec := range []load.Spec{load.Reference(), load.ReferenceScattered()} {
		shape := [...]string{load.Whole: "whole", load.Scattered: "scattered"}[spec.Shape]
		plan, err := b.plan(spec)
		if err != nil {
			return err
		}
		reds := map[string]*truth.RED{}
		for _, v := range b.checked() {
			red, sampling, err := b.check(ctx, plan, v)
			if err != nil {
				errs = append(errs, fmt.Errorf("%v, %s: %w", v, shape, err))
				b.say("correctness %s %v: WRONG: %v", shape, v, err)
				continue
			}
			said := ""
			if !v.door {
				reds[v.arm] = red
				said = fmt.Sprintf(", %d series and %d calls as expected", len(red.Series), red.Calls())
			}
			b.say("correctness %s %v: %d of %d error and slow traces kept whole, %d of %d others%s",
				shape, v, sampling.MustKept, sampling.Must, sampling.OrdinaryKept, sampling.Ordinary, said)
		}
		if reds["ours"] != nil && reds["contrib"] != nil {
			if err := reds["contrib"].Diff(reds["ours"], relativeSum); err != nil {
				errs = append(errs, fmt.Errorf("the arms differ, %s: %w", shape, err))
			}
		}
	}
	return errors.Join(errs...)
}

// checked returns a variant of each arm, with the whole job and the processor alone.
func (b *bench) checked() (vs []variant) {
	for _, door := range []bool{false, true} {
		seen := map[string]bool{}
		for _, v := range b.variants(&scenario{door: door}) {
			if !seen[v.arm] {
				vs = append(vs, v)
			}
			seen[v.arm] = true
		}
	}
	return vs
}

// check runs one arm over a fixed number of rounds and compares what it says with the truth.
func (b *bench) check(ctx context.Context, plan *load.Plan, v variant) (red *truth.RED, sampling truth.Sampling, err error) {
	c, err := b.start(ctx, v, correctFlush, false)
	if err != nil {
		return nil, sampling, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	s := scenario{connections: 4}
	sender, err := s.dial(c.endpoints.GRPC)
	if err != nil {
		return nil, sampling, err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()
	began := time.Now()
	g := load.Start(ctx, plan, sender, load.Options{Workers: 8, SpansPerSecond: equalRate, Rounds: correctRounds, Retry: true})
	g.Wait()
	took := time.Since(began)
	if st := g.Stats(); st.GivenUp > 0 || st.Rejected > 0 {
		return nil, sampling, fmt.Errorf("%d requests were not accepted, %d spans rejected: %s", st.GivenUp, st.Rejected, st.LastRefusal)
	}
	want, traces := plan.RED(g.Acked()), plan.Traces(g.Acked())
	if err := b.drain(ctx, c, want.Calls(), traces); err != nil {
		return nil, sampling, err
	}
	sampling, err = traces.Check(c.otlp.Kept(), slowMillis)
	if !v.door {
		var errRED error
		if red, errRED = c.remote.RED(load.Bounds); errRED != nil {
			return nil, sampling, errors.Join(err, errRED)
		}
		err = errors.Join(err, want.Diff(red, relativeSum))
	}
	if st := c.otlp.Stats(); st.Duplicates > 0 {
		err = errors.Join(err, fmt.Errorf("the sink got %d spans more than once", st.Duplicates))
	}
	limited := int((took + limitSlack).Seconds() * peers.LimitedSpans / load.SpansPerTrace)
	if !byChance(sampling, limited) {
		err = errors.Join(err, fmt.Errorf("%d of %d ordinary traces were kept, more than %g standard deviations from 1 %% and what the limit allows, %d",
			sampling.OrdinaryKept, sampling.Ordinary, sigmas, limited))
	}
	return red, sampling, err
}

// byChance tells whether as many ordinary traces were kept as are by a share of 1 %, and up to so many more by the limit.
func byChance(s truth.Sampling, limited int) bool {
	mean := int(randomShare * float64(s.Ordinary))
	likeliest := min(max(mean, s.OrdinaryKept-limited), s.OrdinaryKept)
	return truth.WithinBinomial(likeliest, s.Ordinary, randomShare, sigmas)
}

// slowMillis is the threshold of the reference job.
const slowMillis = 500

// drain waits until all calls were written and the traces to be kept have arrived and no more come; what is missing then is
// told by the comparison.
func (b *bench) drain(ctx context.Context, c *collector, calls uint64, traces truth.Traces) error {
	ctx, cancel := context.WithTimeout(ctx, b.decisionWait+settleTimeout)
	defer cancel()
	must := 0
	for _, t := range traces {
		if t.KeptBy(slowMillis) {
			must++
		}
	}
	quiet, last := time.Now(), uint64(0)
	err := proc.Poll(ctx, func() (bool, error) {
		if spans := c.otlp.Spans(); spans != last {
			quiet, last = time.Now(), spans
		}
		done := (c.variant.door || c.remote.Calls() >= calls) && c.otlp.Stats().Traces >= must && time.Since(quiet) > b.decisionWait+3*time.Second
		return done, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
