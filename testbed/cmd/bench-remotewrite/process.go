package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/peers"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

// startTimeout is how long a program may take until it listens, settleTime how long it is left alone then, stopTimeout how
// long it may take to end.
const (
	settleTime   = 500 * time.Millisecond
	startTimeout = 30 * time.Second
	stopTimeout  = 20 * time.Second
)

// connections are those of the load's sender, requestsUnderWay how many requests there are on all of them.
const (
	connections      = 2
	requestsUnderWay = 4
)

// running is an arm that runs, with its sink.
type running struct {
	arm     *arm
	process *proc.Process
	sink    *sink.Tally
	sender  send.Sender
	dir     string
	// pprof is where the program shows profiles, if any are wanted.
	pprof string
}

// wal is where a durable arm keeps what it is to send.
func (r *running) wal() string { return filepath.Join(r.dir, "wal") }

// errNoStart is what an arm fails with that cannot be started as it is configured.
type errNoStart struct{ said string }

func (e errNoStart) Error() string { return "does not start: " + e.said }

// start starts an arm and waits until it listens.
func (b *bench) start(ctx context.Context, a *arm) (*running, error) {
	b.runSeq++
	r := &running{arm: a, dir: filepath.Join(b.work, fmt.Sprintf("%03d-%s", b.runSeq, a.key))}
	if err := b.launch(ctx, r); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	select { // what it does to start is not to be measured
	case <-time.After(settleTime):
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), r.stop())
	}
	return r, nil
}

func (b *bench) launch(ctx context.Context, r *running) error {
	if err := os.MkdirAll(r.wal(), 0o755); err != nil {
		return err
	}
	var err error
	if r.sink, err = sink.NewTally(); err != nil {
		return err
	}
	endpoints, err := peers.FreeEndpoints("", r.sink.URL(), b.profile != "" && r.arm.program != prometheus)
	if err != nil {
		return err
	}
	if r.pprof = endpoints.Pprof; r.arm.program == prometheus {
		r.pprof = endpoints.GRPC // it shows everything at one address
	}
	job := peers.RemoteWriteJob{Endpoints: endpoints, Message: r.arm.message, Nop: r.arm.nop}
	if r.arm.durable {
		job.WALDirectory = r.wal()
	}
	o, err := b.options(r, job)
	if err != nil {
		return err
	}
	if r.process, err = proc.Start(o); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := r.process.WaitListening(ctx, endpoints.GRPC); err != nil {
		if r.process.ExitCode() > 0 {
			return errNoStart{lastLine(r.process.LogTail(4096))}
		}
		return err
	}
	if r.arm.program == prometheus {
		r.sender = send.NewHTTP("http://"+endpoints.GRPC+"/api/v1/otlp", send.HTTPOptions{})
		return proc.Poll(ctx, func() (bool, error) { return ready(ctx, endpoints.GRPC), r.ended() })
	}
	r.sender, err = send.DialGRPC(endpoints.GRPC, send.GRPCOptions{Connections: connections})
	return err
}

// ready tells whether Prometheus has read its configuration. What has a time before that is never sent.
func ready(ctx context.Context, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/-/ready", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

// options writes an arm's configuration and returns how it is started.
func (b *bench) options(r *running, job peers.RemoteWriteJob) (proc.Options, error) {
	config := filepath.Join(r.dir, "config.yaml")
	o := proc.Options{Path: b.binaries[r.arm.program], Log: filepath.Join(r.dir, "log")}
	render := peers.RemoteWriteConfig
	if r.arm.program == prometheus {
		render = peers.PrometheusConfig
		o.Args = peers.PrometheusArgs(job, config)
	} else {
		o.Args = append([]string{"--config", config}, r.arm.gates()...)
	}
	text, err := render(job)
	if err != nil {
		return o, err
	}
	return o, os.WriteFile(config, []byte(text), 0o644)
}

// stop ends the program and its sink, in this order, so that it can still send what it holds. How it ends is no subject here.
func (r *running) stop() error {
	var err error
	if r.sender != nil {
		err = r.sender.Close()
	}
	if r.process != nil {
		_ = r.process.Stop(stopTimeout)
	}
	if r.sink != nil {
		r.sink.Close()
	}
	return errors.Join(err, os.RemoveAll(r.wal()))
}

// ended says that the program has ended by itself, nil while it runs.
func (r *running) ended() error {
	select {
	case <-r.process.Done():
		return fmt.Errorf("ended by itself with code %d: %s", r.process.ExitCode(), lastLine(r.process.LogTail(4096)))
	default:
		return nil
	}
}

// lastLine returns the last line that says something.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "'' ")
}
