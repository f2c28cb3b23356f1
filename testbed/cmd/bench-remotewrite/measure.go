package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/metricload"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

// measurement is what one run of one arm showed. Where failed is set, or samples are missing, the rest is no figure.
type measurement struct {
	load string
	arm  string
	run  int
	// failed says why there is no figure, broken that it is the program's fault and not that of its configuration.
	failed string
	broken bool
	// samples were delivered while cpu was used; system is the kernel's part in it.
	samples     uint64
	cpu, system time.Duration
	// bytes are those of the bodies that the sink received meanwhile, in as many requests.
	bytes, requests uint64
	// peakRSS is the most memory that was resident ever, rss the median while the last half of the rounds was sent.
	peakRSS, rss float64
	// sent is the number of samples of the whole run, missing those of them that never came, repeated those that came again.
	sent, missing, repeated uint64
	// delay is how long after the last acknowledgement the last sample came.
	delay time.Duration
	// late is by how much a round took longer than its time.
	late time.Duration
	// refused counts the refusals of requests, which were sent again.
	refused int
	// set is the same for two equal sets of series, series their number.
	set    uint64
	series int
}

// catchUp is how long after the warm-up its samples are waited for.
const catchUp = 3 * time.Second

// measure runs one arm with one load.
func (b *bench) measure(ctx context.Context, l *load, a *arm) (m measurement, err error) {
	m = measurement{load: l.key, arm: a.key, sent: l.samples()}
	plan, err := b.plan(l.spec)
	if err != nil {
		return m, err
	}
	r, err := b.start(ctx, a)
	if noStart := (errNoStart{}); errors.As(err, &noStart) {
		m.failed = noStart.Error()
		return m, nil
	}
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	if err := b.send(ctx, l, r, plan, &m); err != nil {
		if gone := r.ended(); gone != nil {
			m.failed, m.broken = gone.Error(), true
			return m, nil
		}
		return m, err
	}
	return m, nil
}

// send sends the warm-up and what is measured.
func (b *bench) send(ctx context.Context, l *load, r *running, plan *metricload.Plan, m *measurement) error {
	o := metricload.Options{Workers: requestsUnderWay, Every: l.every, Rounds: l.warmUp}
	warm, err := metricload.Drive(ctx, plan, r.sender, o)
	if err != nil {
		return err
	}
	if _, err := r.await(ctx, uint64(l.spec.Series()*l.warmUp), catchUp); err != nil {
		return err
	}
	before, err := take(r)
	if err != nil {
		return err
	}
	profiled := b.startProfile(ctx, l, r)
	memory := watchMemory(r)
	o.Rounds = l.rounds
	result, err := metricload.Drive(ctx, plan, r.sender, o)
	rss := memory.stop()
	if err = errors.Join(err, <-profiled); err != nil {
		return err
	}
	m.rss = median(rss[len(rss)/2:])
	m.late, m.refused = result.Late(), warm.Refused+result.Refused
	if warm.GivenUp+result.GivenUp > 0 {
		m.broken = true
		m.failed = fmt.Sprintf("refused %d requests for good, the last one: %s", warm.GivenUp+result.GivenUp, result.LastRefusal)
	}
	var times []int64
	for _, round := range slices.Concat(warm.Rounds, result.Rounds) {
		times = append(times, round.Millis)
	}
	return b.drain(ctx, r, times, l.spec.Series()*l.rounds, before, m)
}

// startProfile records a CPU profile while what is measured is sent, where asked for.
func (b *bench) startProfile(ctx context.Context, l *load, r *running) <-chan error {
	done := make(chan error, 1)
	if b.profile == "" {
		done <- nil
		return done
	}
	go func() {
		if err := os.MkdirAll(b.profile, 0o755); err != nil {
			done <- err
			return
		}
		path := filepath.Join(b.profile, fmt.Sprintf("%03d-%s-%s.pprof", b.runSeq, r.arm.key, l.key))
		done <- proc.SaveProfile(ctx, r.pprof, time.Duration(l.rounds)*l.every, path)
	}()
	return done
}

// drain waits until all samples of the times have come and takes the figures at that moment. measured is the number of samples
// that were sent since before.
func (b *bench) drain(ctx context.Context, r *running, times []int64, measured int, before snapshot, m *measurement) error {
	acked := time.Now()
	expected, audit := m.sent, sink.Audit{}
	for {
		if _, err := r.await(ctx, expected, b.drainFor-time.Since(acked)); err != nil {
			return err
		}
		m.delay = time.Since(acked)
		after, err := take(r)
		if err != nil {
			return err
		}
		m.fill(before, after)
		if r.arm.nop {
			m.samples = uint64(measured) // all that was acknowledged
			return nil
		}
		if audit, err = r.sink.Audit(times); err != nil {
			return err
		}
		m.missing, m.repeated, m.set, m.series = m.sent-min(m.sent, audit.Distinct), audit.Repeated, audit.Set, audit.Series
		m.samples -= min(m.samples, m.repeated)
		if m.missing == 0 || time.Since(acked) >= b.drainFor {
			return nil
		}
		expected = m.sent + audit.Repeated + audit.Stray // what came twice does not stand for what did not come
	}
}

func (m *measurement) fill(before, after snapshot) {
	m.samples = after.counts.Samples - before.counts.Samples
	m.bytes = after.counts.Bytes - before.counts.Bytes
	m.requests = after.counts.Requests - before.counts.Requests
	m.cpu, m.system = after.usage.CPU-before.usage.CPU, after.usage.System-before.usage.System
	m.peakRSS = float64(after.usage.PeakRSS)
}

// await waits until a number of samples has come, or until it has waited long enough; it tells which.
func (r *running) await(ctx context.Context, samples uint64, atMost time.Duration) (bool, error) {
	if r.arm.nop {
		return true, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, max(0, atMost), errWaited)
	defer cancel()
	err := proc.Poll(ctx, func() (bool, error) { return r.sink.Counts().Samples >= samples, r.ended() })
	if err != nil && errors.Is(context.Cause(ctx), errWaited) {
		return false, nil
	}
	return err == nil, err
}

var errWaited = errors.New("waited long enough")

// snapshot is what is known at one moment.
type snapshot struct {
	usage  proc.Usage
	counts sink.TallyCounts
}

func take(r *running) (snapshot, error) {
	s := snapshot{counts: r.sink.Counts()}
	var err error
	s.usage, err = proc.ReadUsage(r.process.PID())
	return s, err
}

// memoryWatch reads resident memory again and again.
type memoryWatch struct {
	done   chan struct{}
	result chan []float64
}

const memoryEvery = 100 * time.Millisecond

func watchMemory(r *running) memoryWatch {
	w := memoryWatch{done: make(chan struct{}), result: make(chan []float64, 1)}
	go func() {
		tick := time.NewTicker(memoryEvery)
		defer tick.Stop()
		var rss []float64
		for {
			if u, err := proc.ReadUsage(r.process.PID()); err == nil {
				rss = append(rss, float64(u.RSS))
			}
			select {
			case <-tick.C:
			case <-w.done:
				w.result <- rss
				return
			}
		}
	}()
	return w
}

// stop ends the watch and returns what it saw.
func (w memoryWatch) stop() []float64 {
	close(w.done)
	return <-w.result
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
