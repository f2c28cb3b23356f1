// Command bench-peers compares this project's binary with the stock collector on the reference load and the reference job:
// that both say the same, and what it costs them.
//
// Run it from the repository, on a machine that does nothing else: `make bench-peers`. It takes three to four hours; -quick and
// -only make it shorter, and their figures rougher. The exit code is 1 where the two disagree or a figure falls short of its
// "must".
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/peers"
	"github.com/otelcol-slo/otelcol-slo/testbed/report"
)

// settings are what the flags say.
type settings struct {
	ours, contrib string
	arms          string
	only          string
	quick         bool
	runs          int
	decisionWait  time.Duration
	duration      time.Duration
	rescueWindow  time.Duration
	memoryMiB     int
	streams       int
	markdown      string
	profile       string
	work          string
}

func parseFlags() settings {
	var s settings
	flag.StringVar(&s.ours, "ours", "bin/otelcol-slo", "this project's `binary`")
	flag.StringVar(&s.contrib, "contrib", "", "the stock collector's `binary` (default: built from testbed/peers)")
	flag.StringVar(&s.arms, "arms", "ours,contrib", "`arms` to run, comma-separated; the comparison needs both")
	flag.StringVar(&s.only, "only", "", "`parts` to run, comma-separated: correctness, "+strings.Join(scenarioKeys(), ", ")+" (default: all)")
	flag.BoolVar(&s.quick, "quick", false, "one short run of each part, contrib with shards=cores and GOGC=100 only: for a first look")
	flag.IntVar(&s.runs, "runs", 3, "runs of each arm and part; medians are reported")
	flag.DurationVar(&s.decisionWait, "decision-wait", 10*time.Second, "decision_wait of both arms")
	flag.DurationVar(&s.duration, "duration", 0, "length of each measurement, after a warm-up of once or twice the time that the arm holds spans (default: four times decision-wait)")
	flag.DurationVar(&s.rescueWindow, "rescue-window", 30*time.Second, "rescue_window of our arm")
	flag.IntVar(&s.memoryMiB, "memory-mib", 8192, "memory.limit_mib of our arm")
	flag.IntVar(&s.streams, "streams", 2, "requests under way at once on each connection")
	flag.StringVar(&s.markdown, "markdown", "", "`file` to write the tables to")
	flag.StringVar(&s.profile, "profile", "", "`directory` for a CPU profile of every measurement")
	flag.StringVar(&s.work, "work", "", "`directory` for configurations and logs (default: a temporary one, removed at the end)")
	flag.Parse()
	if s.quick {
		s.runs = 1
		s.decisionWait = min(s.decisionWait, 5*time.Second)
		s.rescueWindow = min(s.rescueWindow, 5*time.Second)
		s.duration = 10 * time.Second
	}
	if s.duration == 0 {
		s.duration = 4 * s.decisionWait
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

func run(ctx context.Context, s settings) error {
	b, err := newBench(ctx, s)
	if err != nil {
		return err
	}
	defer b.close()
	var failures []error
	if b.wants("correctness") {
		failures = append(failures, b.correctness(ctx))
	}
	results, err := b.cost(ctx)
	if err != nil {
		return errors.Join(append(failures, err)...)
	}
	tables, err := b.tables(results)
	failures = append(failures, err)
	for _, t := range tables {
		fmt.Println(t.Text())
	}
	if s.markdown != "" {
		failures = append(failures, writeMarkdown(s.markdown, tables))
	}
	return errors.Join(failures...)
}

func writeMarkdown(path string, tables []report.Table) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured by `make bench-peers`: %s.\n", report.Machine(time.Now()))
	for _, t := range tables {
		b.WriteString("\n" + t.Markdown())
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// bench is one run of the command.
type bench struct {
	settings
	root  string
	plans planCache
	// compresses: our binary knows the key sampling.compression.
	compresses bool
	cleanup    func()
	runSeq     int
}

func newBench(ctx context.Context, s settings) (*bench, error) {
	root, err := peers.Root()
	if err != nil {
		return nil, err
	}
	b := &bench{settings: s, root: root, cleanup: func() {}}
	if b.hasArm("contrib") && b.contrib == "" {
		if b.contrib, err = peers.BuildContrib(ctx, root, os.Stderr); err != nil {
			return nil, err
		}
	}
	if b.hasArm("ours") {
		if !filepath.IsAbs(b.ours) {
			b.ours = filepath.Join(root, b.ours)
		}
		if _, err := os.Stat(b.ours); err != nil {
			return nil, fmt.Errorf("cannot find our arm, run `make build` or leave it out with -arms contrib: %w", err)
		}
	}
	if b.work == "" {
		if b.work, err = os.MkdirTemp("", "bench-peers-"); err != nil {
			return nil, err
		}
		b.cleanup = func() { _ = os.RemoveAll(b.work) }
	}
	b.say("%s", report.Machine(time.Now()))
	if err := os.MkdirAll(b.work, 0o755); err != nil {
		return nil, err
	}
	return b, b.probe(ctx)
}

func (b *bench) close() { b.cleanup() }

func (b *bench) hasArm(name string) bool { return listed(b.arms, name) }

// wants tells whether a part was asked for.
func (b *bench) wants(part string) bool { return b.only == "" || listed(b.only, part) }

func listed(list, name string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(item) == name {
			return true
		}
	}
	return false
}

// say writes a line of progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
}
