// Command load sends the reference load to an OTLP endpoint until it is interrupted, or for a time, or a number of rounds.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/load"
	"github.com/otelcol-slo/otelcol-slo/testbed/report"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

type settings struct {
	to, shape   string
	connections int
	streams     int
	gzip        bool
	errors      float64
	seed        uint64
	duration    time.Duration
	options     load.Options
}

func main() {
	var s settings
	flag.StringVar(&s.to, "to", "grpc://127.0.0.1:4317", "`target`: grpc://host:port or http://host:port")
	flag.StringVar(&s.shape, "shape", "whole", "whole, scattered or small")
	flag.IntVar(&s.connections, "connections", 4, "connections")
	flag.IntVar(&s.streams, "streams", 2, "requests under way at once on each connection")
	flag.BoolVar(&s.gzip, "gzip", false, "compress requests")
	flag.Float64Var(&s.errors, "errors", 0.01, "share of traces with an error")
	flag.Uint64Var(&s.seed, "seed", 1, "seed of ids and contents")
	flag.DurationVar(&s.duration, "duration", 0, "stop after this time (0: never)")
	flag.Float64Var(&s.options.SpansPerSecond, "rate", 0, "spans per second (0: as many as are taken)")
	flag.IntVar(&s.options.Rounds, "rounds", 0, "rounds of 64 requests (0: without end)")
	flag.BoolVar(&s.options.Retry, "retry", false, "send refused requests again until they are accepted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	specs := map[string]load.Spec{"whole": load.Reference(), "scattered": load.ReferenceScattered(), "small": load.ReferenceSmall()}
	spec, ok := specs[s.shape]
	if !ok {
		return fmt.Errorf("shape must be whole, scattered or small (got %q)", s.shape)
	}
	spec.ErrorShare, spec.Seed = s.errors, s.seed
	plan, err := load.NewPlan(spec)
	if err != nil {
		return err
	}
	sender, err := send.Dial(s.to, send.ContentProtobuf, s.connections, s.gzip)
	if err != nil {
		return err
	}
	defer sender.Close()
	if s.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.duration)
		defer cancel()
	}
	s.options.Workers = s.connections * s.streams
	g := load.Start(context.WithoutCancel(ctx), plan, sender, s.options)
	context.AfterFunc(ctx, g.Stop)
	ended := make(chan struct{})
	go func() { g.Wait(); close(ended) }()
	report1s(g, ended)
	return nil
}

// report1s prints once a second what was acknowledged in it, and at the end the totals.
func report1s(g *load.Generator, ended <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	started, last := time.Now(), uint64(0)
	for {
		select {
		case <-tick.C:
			st := g.Stats()
			fmt.Fprintf(os.Stderr, "%s spans/s, %s\n", report.Count(float64(st.Spans-last)), refusals(st))
			last = st.Spans
		case <-ended:
			st := g.Stats()
			seconds := time.Since(started).Seconds()
			fmt.Printf("%d requests, %d spans, %.1f MB acknowledged in %.1f s (%s spans/s); %s, given up %d, rejected %d spans %s\n",
				st.Requests, st.Spans, float64(st.Bytes)/1e6, seconds, report.Count(float64(st.Spans)/seconds), refusals(st), st.GivenUp, st.Rejected, st.LastRefusal)
			return
		}
	}
}

// refusals says how many requests were refused, by code.
func refusals(st load.Stats) string {
	if len(st.Refused) == 0 {
		return "none refused"
	}
	return "refused: " + strings.TrimPrefix(fmt.Sprint(st.Refused), "map")
}
