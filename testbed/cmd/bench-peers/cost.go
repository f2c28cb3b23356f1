package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/load"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

// costFlush is the reference job's interval between remote writes.
const costFlush = 15 * time.Second

// measurement is what one run of one variant showed, between its warm-up and its end.
type measurement struct {
	scenario *scenario
	variant  variant
	// offered is the rate in spans per second that was asked of it, 0: saturated.
	offered float64
	// rate is acknowledged spans per second, cpu the collector's CPU-seconds per second, system those of the kernel in it.
	rate, cpu, system float64
	// spansPerCPU is spans per CPU-second.
	spansPerCPU float64
	// idleRSS is resident memory before the load, rss its median over the last quarter of the run, both in bytes.
	idleRSS, rss float64
	// growth is by how much resident memory grew from the first to the last quarter of the run, as a share.
	growth float64
	// bytesPerSpan is (rss - idleRSS) / (rate x time that spans are held).
	bytesPerSpan float64
	// keptShare is spans received by the sink per span acknowledged.
	keptShare float64
	// idleCores is how many cores of the machine did nothing.
	idleCores float64
	refused   uint64
	// lag is how many milliseconds after their deadline 99 % of the decisions came at most; NaN: not known. early counts decisions before
	// it, for want of memory.
	lag, early float64
	note       string
}

// cost runs every scenario that was asked for: each variant in turn, as often as asked for.
func (b *bench) cost(ctx context.Context) ([]measurement, error) {
	var all []measurement
	for i := range scenarios {
		s := &scenarios[i]
		if !b.wants(s.key) {
			continue
		}
		if s.compression != "" && b.hasArm("ours") && !b.compresses {
			b.say("%s: left out, for %s refuses the key compression", s.key, b.ours)
			continue
		}
		rate := s.rate
		if s.ofMax > 0 {
			if !b.hasArm("ours") {
				continue
			}
			greatest, err := b.greatestRate(ctx, &all)
			if err != nil {
				return all, err
			}
			rate = s.ofMax * greatest
		}
		for n := range b.runs {
			for _, v := range b.variants(s) {
				of := s
				if v.arm == "contrib" {
					of = s.peer()
				}
				if of != s && runsOf(all, of, v) > n {
					continue
				}
				if err := b.add(ctx, &all, of, v, rate); err != nil {
					return all, err
				}
			}
		}
	}
	return all, nil
}

// add measures once more, and says what it showed.
func (b *bench) add(ctx context.Context, all *[]measurement, s *scenario, v variant, rate float64) error {
	m, err := b.measure(ctx, s, v, rate)
	if err != nil {
		return fmt.Errorf("cannot measure %q with %v: %w", s.key, v, err)
	}
	*all = append(*all, m)
	late := ""
	if !math.IsNaN(m.lag) {
		late = fmt.Sprintf(", 99 %% decided within %g ms", m.lag)
	}
	b.say("%s %d/%d %v: %.0f spans/s, %.2f cores (%.2f system), %.0f spans/CPU-s, rss %.0f MB, %.0f B/span, kept %.2f %%, idle %.2f cores%s%s",
		s.key, runsOf(*all, s, v), b.runs, v, m.rate, m.cpu, m.system, m.spansPerCPU, m.rss/1e6, m.bytesPerSpan, 100*m.keptShare, m.idleCores, late, m.note)
	return nil
}

// runsOf counts the measurements of a variant in a scenario.
func runsOf(all []measurement, s *scenario, v variant) (n int) {
	for i := range all {
		if all[i].scenario == s && all[i].variant == v {
			n++
		}
	}
	return n
}

// greatestRate is what our arm reached saturated, which is measured where it was not.
func (b *bench) greatestRate(ctx context.Context, all *[]measurement) (float64, error) {
	s := scenarioOf(wholeKey)
	v := b.variants(s)[0]
	if runsOf(*all, s, v) == 0 {
		if err := b.add(ctx, all, s, v, s.rate); err != nil {
			return 0, err
		}
	}
	var rates []float64
	for _, m := range *all {
		if m.scenario == s && m.variant == v {
			rates = append(rates, m.rate)
		}
	}
	return median(rates), nil
}

// measure runs one variant in one scenario at a rate in spans per second, 0: saturated.
func (b *bench) measure(ctx context.Context, s *scenario, v variant, rate float64) (m measurement, err error) {
	plan, err := b.plan(s.spec)
	if err != nil {
		return m, err
	}
	c, err := b.start(ctx, v, costFlush, true)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	idle, err := b.settle(ctx, c)
	if err != nil {
		return m, err
	}
	sender, err := s.dial(c.endpoints.GRPC)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()
	g := load.Start(ctx, plan, sender, load.Options{Workers: s.connections * b.streams, SpansPerSecond: rate, Retry: true})
	defer g.Stop()
	if err := b.warmUp(ctx, c, v); err != nil {
		return m, err
	}
	m, err = b.window(ctx, c, g)
	if err != nil {
		return m, err
	}
	m.scenario, m.variant, m.offered, m.idleRSS = s, v, rate, float64(idle.RSS)
	m.bytesPerSpan = (m.rss - m.idleRSS) / (m.rate * b.held(v).Seconds())
	m.note = b.note(&m)
	return m, nil
}

// settle waits until a started collector has nothing more to do and returns what it uses then.
func (b *bench) settle(ctx context.Context, c *collector) (proc.Usage, error) {
	if err := sleep(ctx, c, 2*time.Second); err != nil {
		return proc.Usage{}, err
	}
	return proc.ReadUsage(c.process.PID())
}

// warmUp waits as long as spans are held, for only then is memory used again that was used before, and then until memory
// grows no more, but no longer than the same time again.
func (b *bench) warmUp(ctx context.Context, c *collector, v variant) error {
	if err := sleep(ctx, c, b.held(v)); err != nil {
		return err
	}
	var before uint64
	for end := time.Now().Add(b.held(v)); time.Now().Before(end); {
		u, err := proc.ReadUsage(c.process.PID())
		if err != nil {
			return err
		}
		if float64(u.RSS) <= (1+growthMax/4)*float64(before) {
			return nil
		}
		before = u.RSS
		if err := sleep(ctx, c, 5*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// window measures for the duration of a run.
func (b *bench) window(ctx context.Context, c *collector, g *load.Generator) (measurement, error) {
	var m measurement
	profiled := b.startProfile(ctx, c)
	before, err := take(ctx, c, g)
	if err != nil {
		return m, err
	}
	var rss []float64
	for end := before.at.Add(b.duration); time.Now().Before(end); {
		if err := sleep(ctx, c, min(500*time.Millisecond, time.Until(end))); err != nil {
			return m, err
		}
		u, err := proc.ReadUsage(c.process.PID())
		if err != nil {
			return m, err
		}
		rss = append(rss, float64(u.RSS))
	}
	after, err := take(ctx, c, g)
	if err != nil {
		return m, err
	}
	seconds := after.at.Sub(before.at).Seconds()
	spans := float64(after.spans - before.spans)
	cpu := (after.usage.CPU - before.usage.CPU).Seconds()
	m.system = (after.usage.System - before.usage.System).Seconds() / seconds
	m.rate, m.cpu, m.spansPerCPU = spans/seconds, cpu/seconds, spans/cpu
	quarter := len(rss) / 4
	m.rss, m.growth = median(rss[len(rss)-quarter:]), median(rss[len(rss)-quarter:])/median(rss[:quarter])-1
	m.keptShare = float64(after.kept-before.kept) / spans
	m.lag, m.early = after.lags.since(&before.lags, lagQuantile), after.lags.early-before.lags.early
	m.idleCores = (after.machine.Idle - before.machine.Idle).Seconds() / seconds
	for _, n := range g.Stats().Refused {
		m.refused += n
	}
	return m, <-profiled
}

// snapshot is what is known at one moment.
type snapshot struct {
	at          time.Time
	usage       proc.Usage
	machine     proc.MachineCPU
	spans, kept uint64
	lags        lags // of our arm
}

func take(ctx context.Context, c *collector, g *load.Generator) (snapshot, error) {
	s := snapshot{at: time.Now(), spans: g.Spans(), kept: c.otlp.Spans()}
	var err error
	if s.usage, err = proc.ReadUsage(c.process.PID()); err != nil {
		return s, err
	}
	if s.machine, err = proc.ReadMachineCPU(); err != nil || c.variant.arm != "ours" {
		return s, err
	}
	s.lags, err = readLags(ctx, c.endpoints.Telemetry)
	return s, err
}

// The share of spans kept is 3 % (1 % errors, 1 % slow, 1 % of the rest, and hardly more by the limit of 40 spans a second). A run that strays far from it lost traces or
// did not decide in time.
const (
	keptShareMin = 0.02
	keptShareMax = 0.04
)

// growthMax is how much resident memory may grow during a measurement: fresh memory costs faults, in a virtual machine whose
// host takes back what is free many times as much as the work itself.
const growthMax = 0.1

// note says what makes a measurement doubtful.
func (b *bench) note(m *measurement) string {
	note := ""
	if m.keptShare < keptShareMin || m.keptShare > keptShareMax {
		note += fmt.Sprintf(", kept %.2f %% instead of 3 %%", 100*m.keptShare)
	}
	if m.refused > 0 {
		note += fmt.Sprintf(", %d refusals", m.refused)
	}
	if m.offered == 0 && m.idleCores > 0.15 {
		note += fmt.Sprintf(", not saturated: %.2f cores idle", m.idleCores)
	}
	if m.offered > 0 && m.rate < 0.97*m.offered {
		note += fmt.Sprintf(", sustained only %.0f spans/s", m.rate)
	}
	if m.early > 0 && m.offered > 0 {
		note += fmt.Sprintf(", %.0f traces decided early", m.early)
	}
	if m.growth > growthMax {
		note += fmt.Sprintf(", memory still grew by %.0f %%", 100*m.growth)
	}
	return note
}

// sleep waits, and fails where the collector ends or ctx is done before.
func sleep(ctx context.Context, c *collector, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.process.Done():
		return fmt.Errorf("%v ended by itself with code %d; its output ends with:\n%s", c.variant, c.process.ExitCode(), c.process.LogTail(4096))
	}
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// startProfile records a CPU profile of the collector for the duration of a run, where asked for.
func (b *bench) startProfile(ctx context.Context, c *collector) <-chan error {
	done := make(chan error, 1)
	if b.profile == "" {
		done <- nil
		return done
	}
	go func() { done <- b.saveProfile(ctx, c) }()
	return done
}

func (b *bench) saveProfile(ctx context.Context, c *collector) error {
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return err
	}
	path := fmt.Sprintf("%s/%03d-%s.pprof", b.profile, b.runSeq, c.variant.arm)
	if err := proc.SaveProfile(ctx, c.endpoints.Pprof, b.duration, path); err != nil {
		return err
	}
	b.say("profile in %s", path)
	return nil
}
