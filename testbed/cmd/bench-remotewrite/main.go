// Command bench-remotewrite compares what it costs to send metrics by remote write: this project's exporter, that of the stock
// collector, each with and without a log on disk, and Prometheus' agent. All take the same OTLP load in, and are counted as
// whole processes; what arrives is checked sample by sample.
//
// Run it from the repository, on a machine that does nothing else: `make bench-remotewrite`. It takes about an hour; -quick,
// -only and -loads make it shorter, and -quick its figures rougher. The exit code is 1 where an arm of ours lost
// a sample.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/metricload"
	"github.com/otelcol-slo/otelcol-slo/testbed/peers"
	"github.com/otelcol-slo/otelcol-slo/testbed/report"
)

// settings are what the flags say.
type settings struct {
	ours, contrib, prometheus string
	only                      string
	loads                     string
	quick                     bool
	runs                      int
	drainFor                  time.Duration
	markdown                  string
	rate                      float64
	profile                   string
	work                      string
}

func parseFlags() settings {
	var s settings
	flag.StringVar(&s.ours, "ours", "bin/otelcol-slo", "this project's `binary`")
	flag.StringVar(&s.contrib, "contrib", "", "the stock collector's `binary` (default: built from testbed/peers)")
	flag.StringVar(&s.prometheus, "prometheus", "", "Prometheus' `binary` (default: built from testbed/servers/prometheus)")
	flag.StringVar(&s.only, "only", "", "`arms` to run, comma-separated: "+strings.Join(armKeys(), ", ")+" (default: all)")
	flag.StringVar(&s.loads, "loads", "", "`loads` to run, comma-separated: agents, flush, memory (default: all; with -quick agents and flush)")
	flag.BoolVar(&s.quick, "quick", false, "one short run of each arm: for a first look")
	flag.IntVar(&s.runs, "runs", 3, "runs of each arm and load; medians are reported")
	flag.DurationVar(&s.drainFor, "drain", 2*time.Minute, "how long after the last request samples may arrive")
	flag.StringVar(&s.markdown, "markdown", "", "`file` to write the tables to")
	flag.Float64Var(&s.rate, "rate", 0, "samples per `second` of all loads (default: as the tables say)")
	flag.StringVar(&s.profile, "profile", "", "`directory` for a CPU profile of every measurement")
	flag.StringVar(&s.work, "work", "", "`directory` for configurations, logs and what is kept on disk (default: a temporary one, removed at the end)")
	flag.Parse()
	if s.quick {
		runs := 1
		flag.Visit(func(f *flag.Flag) {
			if f.Name == "runs" {
				runs = s.runs
			}
		})
		s.runs = runs
	}
	return s
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, parseFlags()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// bench is one run of the command.
type bench struct {
	settings
	root     string
	arms     []*arm
	plans    map[metricload.Spec]*metricload.Plan
	binaries [prometheus + 1]string
	loads    []load
	cleanup  func()
	runSeq   int
}

func run(ctx context.Context, s settings) error {
	b, err := newBench(ctx, s)
	if err != nil {
		return err
	}
	defer b.cleanup()
	rs, err := b.all(ctx)
	tables := rs.tables(b.loads, b.runs)
	for _, t := range tables {
		fmt.Println(t.Text())
	}
	if s.markdown != "" {
		err = errors.Join(err, writeMarkdown(s.markdown, tables))
	}
	return errors.Join(err, rs.failures())
}

// all runs every arm with every load, once each, and that again and again, so that what is compared runs close together.
func (b *bench) all(ctx context.Context) (results, error) {
	var rs results
	for n := range b.runs {
		for i := range b.loads {
			l := &b.loads[i]
			for _, a := range b.arms {
				m, err := b.measure(ctx, l, a)
				if err != nil {
					return rs, fmt.Errorf("cannot measure %q with %q: %w", a.key, l.key, err)
				}
				m.run = n
				rs = append(rs, m)
				b.say("%s %d/%d %s: %s", l.key, n+1, b.runs, a.key, m.line())
			}
		}
	}
	return rs, nil
}

// line says in short what a run showed.
func (m *measurement) line() string {
	if why := lost([]*measurement{m}); why != "" {
		return why
	}
	return fmt.Sprintf("%.0f samples/CPU-s, %.1f B/sample, %.0f samples/request, peak %.0f MB, last sample after %.1fs, late %.1fs, %d twice",
		m.perCPU(), m.bytesPerSample(), ratio(float64(m.samples), float64(m.requests)), m.peakRSS/1e6, m.delay.Seconds(), m.late.Seconds(), m.repeated)
}

// failures says where ours lost samples, refused them or ended.
func (rs results) failures() error {
	var errs []error
	for i := range rs {
		if m := &rs[i]; (m.missing > 0 || m.broken) && armOf(m.arm).program == ours {
			errs = append(errs, fmt.Errorf("%s, %s: %s", m.arm, m.load, lost([]*measurement{m})))
		}
	}
	return errors.Join(errs...)
}

func writeMarkdown(path string, tables []report.Table) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured by `make bench-remotewrite`: %s.\n", report.Machine(time.Now()))
	for _, t := range tables {
		b.WriteString("\n" + t.Markdown())
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

func newBench(ctx context.Context, s settings) (*bench, error) {
	root, err := peers.Root()
	if err != nil {
		return nil, err
	}
	b := &bench{settings: s, root: root, plans: map[metricload.Spec]*metricload.Plan{}, cleanup: func() {}}
	var unknown []string
	if b.arms, unknown = chosen(s.only); len(unknown) > 0 {
		return nil, fmt.Errorf("-only must name arms of %s (got %q)", strings.Join(armKeys(), ", "), unknown)
	}
	if b.loads, err = chosenLoads(s.loads, s.quick, s.rate); err != nil {
		return nil, err
	}
	if err := b.findBinaries(ctx); err != nil {
		return nil, err
	}
	if b.work == "" {
		if b.work, err = os.MkdirTemp("", "bench-remotewrite-"); err != nil {
			return nil, err
		}
		b.cleanup = func() { _ = os.RemoveAll(b.work) }
	}
	b.say("%s", report.Machine(time.Now()))
	return b, os.MkdirAll(b.work, 0o755)
}

// findBinaries builds what the arms need and is not there.
func (b *bench) findBinaries(ctx context.Context) error {
	given := [...]string{ours: b.ours, contrib: b.contrib, prometheus: b.prometheus}
	build := [...]func() (string, error){
		contrib:    func() (string, error) { return peers.BuildContrib(ctx, b.root, os.Stderr) },
		prometheus: func() (string, error) { return peers.BuildPrometheus(ctx, b.root, os.Stderr) },
	}
	for p := ours; p <= prometheus; p++ {
		if !slices.ContainsFunc(b.arms, func(a *arm) bool { return a.program == p }) {
			continue
		}
		path := given[p]
		if path == "" {
			var err error
			if path, err = build[p](); err != nil {
				return err
			}
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(b.root, path)
		}
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("cannot find a program to measure, run `make build` for ours: %w", err)
		}
		b.binaries[p] = path
	}
	return nil
}

// plan returns a load's requests; many runs share them.
func (b *bench) plan(spec metricload.Spec) (*metricload.Plan, error) {
	if p := b.plans[spec]; p != nil {
		return p, nil
	}
	p, err := metricload.NewPlan(spec)
	if err != nil {
		return nil, fmt.Errorf("cannot make a load: %w", err)
	}
	b.plans[spec] = p
	return p, nil
}

// say writes a line of progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
}
