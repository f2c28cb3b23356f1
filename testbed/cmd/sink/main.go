// Command sink receives OTLP/gRPC and Prometheus remote write and prints once a second what came in.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	otlp := flag.String("otlp", "127.0.0.1:14317", "`address` for OTLP/gRPC")
	remoteWrite := flag.String("remote-write", "127.0.0.1:19090", "`address` for remote write")
	flag.Parse()
	if err := run(ctx, *otlp, *remoteWrite); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, otlpAddress, remoteAddress string) error {
	otlp, err := sink.NewOTLP(sink.OTLPOptions{Address: otlpAddress})
	if err != nil {
		return err
	}
	defer otlp.Close()
	remote, err := sink.NewRemoteWrite(remoteAddress)
	if err != nil {
		return err
	}
	defer remote.Close()
	fmt.Printf("OTLP/gRPC at %s, remote write at %s\n", otlp.Address(), remote.URL())
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			o, r := otlp.Stats(), remote.Stats()
			fmt.Printf("OTLP: %d spans of %d traces, %d twice; %d metric points, %d log records. Remote write: %d samples, %d histograms, %d exemplars; %d out of order, %d repeated, %d requests invalid %s\n",
				o.Spans, o.Traces, o.Duplicates, o.Points, o.Records, r.Samples, r.Histograms, r.Exemplars, r.OutOfOrder, r.Repeated, r.Invalid, r.LastInvalid)
		case <-ctx.Done():
			return nil
		}
	}
}
