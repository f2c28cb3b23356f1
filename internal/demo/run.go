package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	// ShortestFor is how long traffic has to last for everything to happen in it: a timeout, and gaps that are more than chance.
	ShortestFor = 10 * time.Second
	// LeastRate and MostRate bound the requests a second: with fewer there would be no timeout in ShortestFor, with more one machine
	// would be busy with the shop alone.
	LeastRate, MostRate = 60.0, 2000.0
	// firstTable is when the table is printed for the first time where there is no Options.For.
	firstTable = 30 * time.Second
	// settling is how long the figures may take to agree after the last span: the decision, the flush, the scrape, and some room.
	settling = 20 * time.Second

	step     = 50 * time.Millisecond
	askAgain = 500 * time.Millisecond
)

// Options are what a demo is run with.
type Options struct {
	Addresses Addresses
	// For is how long requests come; 0: until the context is done.
	For time.Duration
	// Rate is how many requests come a second.
	Rate float64
	Seed uint64
	Send Sender
	Ask  Asker
	// Out takes tables, Progress lines about what is going on.
	Out      io.Writer
	Progress *Progress
}

type run struct {
	Options
	counts  *Counts
	traffic *Traffic
}

// Run sends a shop's traffic to the collector at the addresses, and prints what came of it. A context that is done ends the
// traffic, not what is on the way: the table is printed for what there was. An error tells of the first thing that could not be sent or
// asked, or of the figures that are not what the shop counted.
func Run(ctx context.Context, o Options) error {
	r := &run{Options: o, counts: NewCounts()}
	r.traffic = NewTraffic(NewShop(o.Seed), r.counts, o.Rate, o.Send)
	first := o.For
	if first == 0 {
		first = firstTable
	}
	if err := r.open(ctx, first); err != nil {
		return err
	}
	if r.counts.open < ShortestFor {
		r.Progress.End("ended before there was enough to tell")
		return nil
	}
	if err := r.show(ctx); err != nil {
		return err
	}
	if o.For > 0 || ctx.Err() != nil {
		return nil
	}
	fmt.Fprintln(o.Out, "\nThe shop stays open. Ctrl-C closes it, and prints the tables again.")
	if err := r.open(ctx, 0); err != nil {
		return err
	}
	return r.show(ctx)
}

// open lets requests come for a while, or until the context is done; then sends what is under way.
func (r *run) open(ctx context.Context, d time.Duration) error {
	start := time.Now()
	before := r.counts.open
	r.traffic.Open(start)
	open, ticker := true, time.NewTicker(step)
	defer ticker.Stop()
	for open || !r.traffic.Idle() {
		now := <-ticker.C
		if open && (ctx.Err() != nil || d > 0 && now.Sub(start) >= d) {
			r.traffic.Close(now)
			open = false
		}
		if err := r.traffic.Step(context.WithoutCancel(ctx), now); err != nil {
			return err
		}
		if open {
			r.Progress.Show("the shop is open: %v, %d requests, %d spans", (before + now.Sub(start)).Round(time.Second), r.counts.traces, r.counts.spans)
		} else {
			r.Progress.Show("the shop is closed: %d spans are still to come, the last %v after the first of their trace", len(r.traffic.pending), timeout)
		}
	}
	return nil
}

// show prints all figures, and fails where some are not what the counts say.
func (r *run) show(ctx context.Context) error {
	tables := r.counts.tables()
	all, agree, differ, err := r.settle(context.WithoutCancel(ctx), tables)
	if err != nil {
		return err
	}
	r.Progress.Clear()
	for i := range tables {
		tables[i].print(r.Out, all[i])
	}
	if len(differ) > 0 {
		return fmt.Errorf("%d of %d figures are not what the shop counted (--seed %d):\n  %s", len(differ), agree+len(differ), r.Seed, strings.Join(differ, "\n  "))
	}
	fmt.Fprintf(r.Out, `
All %d figures were asked of Prometheus by PromQL, and are what the shop itself counted
(p95, p99: in the bucket of the true one).
`, agree)
	r.look(r.For > 0 || ctx.Err() != nil)
	return nil
}

// settle asks for all figures until they agree with the counts, or settling is over.
func (r *run) settle(ctx context.Context, tables []table) (all []answers, agree int, differ []string, err error) {
	deadline := time.Now().Add(settling)
	for {
		all, agree, differ = nil, 0, nil
		for i := range tables {
			got, err := tables[i].ask(ctx, r.Ask)
			if err != nil {
				return nil, 0, nil, err
			}
			n, more := tables[i].compare(got)
			all, agree, differ = append(all, got), agree+n, append(differ, more...)
		}
		if len(differ) == 0 || time.Now().After(deadline) {
			return all, agree, differ, nil
		}
		r.Progress.Show("traces are decided, metrics flushed: %d of %d figures are there", agree, agree+len(differ))
		time.Sleep(askAgain)
	}
}

// look tells where to look, and what there is to see.
func (r *run) look(over bool) {
	a := r.Addresses
	heading := "Look at it"
	if over {
		heading += ", while it runs: without --for it goes on until Ctrl-C"
	}
	fmt.Fprintf(r.Out, `
%s
  metrics    curl 'http://%s/api/v1/query?query=slo_events_total'
  services   curl http://%s
`, heading, a.Prometheus, a.Debug)
	if r.traffic.failed != [16]byte{} {
		fmt.Fprintf(r.Out, "  an error   curl http://%s/api/traces/%x\n", a.Traces, r.traffic.failed)
	}
	if r.traffic.timedOut != [16]byte{} {
		fmt.Fprintf(r.Out, "  a timeout  curl http://%s/api/traces/%x\n", a.Traces, r.traffic.timedOut)
		fmt.Fprintln(r.Out, "             its error came when it had been dropped, and brought it back whole")
	}
	fmt.Fprintf(r.Out, `  Grafana    data sources Prometheus at http://%s and Tempo at http://%s,
             as in deploy/grafana/datasources.yaml: a click on an exemplar opens its trace
Send your own
  OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT=http://%s
  OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_EXPORTER_OTLP_ENDPOINT=http://%s
`, a.Prometheus, a.Traces, a.GRPC, a.HTTP)
}
