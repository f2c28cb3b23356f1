package main

import (
	"context"
	"errors"
	"fmt"
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
	note      string
}

// cost runs every scenario that was asked for: each variant in turn, as often as asked for.
func (b *bench) cost(ctx context.Context) ([]measurement, error) {
	var all []measurement
	for i := range scenarios {
		s := &scenarios[i]
		if !b.wants(s.key) {
			continue
		}
		for n := range b.runs {
			for _, v := range b.variants() {
				m, err := b.measure(ctx, s, v)
				if err != nil {
					return all, fmt.Errorf("cannot measure %q with %v: %w", s.key, v, err)
				}
				b.say("%s %d/%d %v: %.0f spans/s, %.2f cores (%.2f system), %.0f spans/CPU-s, rss %.0f MB, %.0f B/span, kept %.2f %%, idle %.2f cores%s",
					s.key, n+1, b.runs, v, m.rate, m.cpu, m.system, m.spansPerCPU, m.rss/1e6, m.bytesPerSpan, 100*m.keptShare, m.idleCores, m.note)
				all = append(all, m)
			}
		}
	}
	return all, nil
}

// measure runs one variant in one scenario.
func (b *bench) measure(ctx context.Context, s *scenario, v variant) (m measurement, err error) {
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
	g := load.Start(ctx, plan, sender, load.Options{Workers: s.connections * b.streams, SpansPerSecond: s.rate, Retry: true})
	defer g.Stop()
	if err := b.warmUp(ctx, c, v); err != nil {
		return m, err
	}
	m, err = b.window(ctx, c, g)
	if err != nil {
		return m, err
	}
	m.scenario, m.variant, m.idleRSS = s, v, float64(idle.RSS)
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
	before, err := take(c, g)
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
	after, err := take(c, g)
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
}

func take(c *collector, g *load.Generator) (snapshot, error) {
	s := snapshot{at: time.Now(), spans: g.Spans(), kept: c.otlp.Spans()}
	var err error
	if s.usage, err = proc.ReadUsage(c.process.PID()); err != nil {
		return s, err
	}
	s.machine, err = proc.ReadMachineCPU()
	return s, err
}

// The share of spans kept is 3 % (1 % errors, 1 % slow, 1 % of the rest). A run that strays far from it lost traces or
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
	if m.scenario.rate == 0 && m.idleCores > 0.15 {
		note += fmt.Sprintf(", not saturated: %.2f cores idle", m.idleCores)
	}
	if m.scenario.rate > 0 && m.rate < 0.97*m.scenario.rate {
		note += fmt.Sprintf(", sustained only %.0f spans/s", m.rate)
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
