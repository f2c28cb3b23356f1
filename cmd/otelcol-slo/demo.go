package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/otelcol-slo/otelcol-slo/configs"
	"github.com/otelcol-slo/otelcol-slo/internal/demo"
)

func demoCommand() *cobra.Command {
	o := demo.Options{}
	var portOffset int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run everything in one process on the traffic of a small shop, and show what comes of it",
		Long: `Runs configs/standalone.yaml in this process, sends it the spans of a small shop, and prints what it made of them, each figure
compared with what the shop itself counted. Without --for it goes on until Ctrl-C. Nothing is left behind, but a log where something
went wrong.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.For != 0 && o.For < demo.ShortestFor {
				return fmt.Errorf("--for must be at least %v, or 0 to go on until Ctrl-C, and is %v", demo.ShortestFor, o.For)
			}
			if !(o.Rate >= demo.LeastRate && o.Rate <= demo.MostRate) { // nor NaN
				return fmt.Errorf("--rate must be from %v to %v requests a second, and is %v", demo.LeastRate, demo.MostRate, o.Rate)
			}
			if portOffset < 0 || portOffset > 50000 {
				return fmt.Errorf("--port-offset must be from 0 to 50000, and is %d", portOffset)
			}
			if o.Seed == 0 {
				o.Seed = rand.Uint64()
			}
			o.Addresses = demo.AddressesAt(portOffset)
			o.Out = cmd.OutOrStdout()
			o.Progress = demo.NewProgress(os.Stderr, isTerminal(os.Stderr))
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
			return runDemo(ctx, o)
		},
	}
	cmd.Flags().DurationVar(&o.For, "for", 0, "how long requests come (0: until Ctrl-C)")
	cmd.Flags().Float64Var(&o.Rate, "rate", 60, "requests a second")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 0, "the same requests with the same seed (0: others each time)")
	cmd.Flags().IntVar(&portOffset, "port-offset", 0, "add this to every port, where the usual ones are taken")
	return cmd
}

// runDemo starts the collector, runs the demo, and stops the collector. The directory is left behind where something went wrong
// in between.
func runDemo(ctx context.Context, o demo.Options) error {
	directory, err := os.MkdirTemp("", "otelcol-slo-demo-")
	if err != nil {
		return fmt.Errorf("cannot make a directory for metrics and log: %w", err)
	}
	stop, err := startCollector(demo.Config(o.Addresses, directory))
	if err != nil {
		return errors.Join(err, os.RemoveAll(directory))
	}
	if err := errors.Join(runAgainst(ctx, o), stop()); err != nil {
		return fmt.Errorf("the demo failed, its log is %s: %w", demo.LogFile(directory), err)
	}
	if err := os.RemoveAll(directory); err != nil {
		return fmt.Errorf("cannot remove directory %q: %w", directory, err)
	}
	return nil
}

// runAgainst runs the demo with the collector that listens at its addresses.
func runAgainst(ctx context.Context, o demo.Options) error {
	conn, err := grpc.NewClient(o.Addresses.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("cannot send to %q: %w", o.Addresses.GRPC, err)
	}
	defer func() { _ = conn.Close() }()
	client := ptraceotlp.NewGRPCClient(conn)
	o.Send = func(ctx context.Context, td ptrace.Traces) error {
		_, err := client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
		return err
	}
	if o.Ask, err = demo.AskPrometheus(o.Addresses.Prometheus); err != nil {
		return err
	}
	return demo.Run(ctx, o)
}

// startCollector runs the collector with standalone.yaml and what differs until stop is called. Where it ends by itself, stop tells
// why.
func startCollector(differs string) (stop func() error, err error) {
	set := settings()
	set.DisableGracefulShutdown = true // signals are the demo's
	set.ConfigProviderSettings.ResolverSettings.URIs = []string{"yaml:" + configs.Standalone, "yaml:" + differs}
	collector, err := otelcol.NewCollector(set)
	if err != nil {
		return nil, fmt.Errorf("cannot make the collector: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- collector.Run(context.Background()) }()
	for collector.GetState() != otelcol.StateRunning {
		select {
		case err := <-ended:
			return nil, fmt.Errorf("cannot start the collector: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return func() error {
		collector.Shutdown()
		if err := <-ended; err != nil {
			return fmt.Errorf("cannot run the collector to its end: %w", err)
		}
		return nil
	}, nil
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
