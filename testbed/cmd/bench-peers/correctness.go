package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/load"
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
		for _, v := range b.variants() {
			if v.arm == "contrib" && reds["contrib"] != nil {
				continue
			}
			red, sampling, err := b.check(ctx, plan, v)
			if err != nil {
				errs = append(errs, fmt.Errorf("%v, %s: %w", v, shape, err))
				b.say("correctness %s %v: WRONG: %v", shape, v, err)
				continue
			}
			reds[v.arm] = red
			b.say("correctness %s %v: %d of %d error and slow traces kept whole, %d of %d others, %d series and %d calls as expected",
				shape, v, sampling.MustKept, sampling.Must, sampling.OrdinaryKept, sampling.Ordinary, len(red.Series), red.Calls())
		}
		if reds["ours"] != nil && reds["contrib"] != nil {
			if err := reds["contrib"].Diff(reds["ours"], relativeSum); err != nil {
				errs = append(errs, fmt.Errorf("the arms differ, %s: %w", shape, err))
			}
		}
	}
	return errors.Join(errs...)
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
	g := load.Start(ctx, plan, sender, load.Options{Workers: 8, SpansPerSecond: equalRate, Rounds: correctRounds, Retry: true})
	g.Wait()
	if st := g.Stats(); st.GivenUp > 0 || st.Rejected > 0 {
		return nil, sampling, fmt.Errorf("%d requests were not accepted, %d spans rejected: %s", st.GivenUp, st.Rejected, st.LastRefusal)
	}
	want, traces := plan.RED(g.Acked()), plan.Traces(g.Acked())
	if err := b.drain(ctx, c, want.Calls(), traces); err != nil {
		return nil, sampling, err
	}
	if red, err = c.remote.RED(load.Bounds); err != nil {
		return nil, sampling, err
	}
	sampling, err = traces.Check(c.otlp.Kept(), slowMillis)
	err = errors.Join(err, want.Diff(red, relativeSum))
	if st := c.otlp.Stats(); st.Duplicates > 0 {
		err = errors.Join(err, fmt.Errorf("the sink got %d spans more than once", st.Duplicates))
	}
	if !truth.WithinBinomial(sampling.OrdinaryKept, sampling.Ordinary, randomShare, sigmas) {
		err = errors.Join(err, fmt.Errorf("%d of %d ordinary traces were kept, more than %g standard deviations from 1 %%",
			sampling.OrdinaryKept, sampling.Ordinary, sigmas))
	}
	return red, sampling, err
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
		done := c.remote.Calls() >= calls && c.otlp.Stats().Traces >= must && time.Since(quiet) > b.decisionWait+3*time.Second
		return done, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
