package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/otelcol-slo/otelcol-slo/testbed/peers"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

// numTraces bounds the traces contrib may hold: more than it can take in in decision_wait at any rate it reached, and no
// more, for it keeps what it knows of decided traces until that number is reached.
const numTraces = 300_000

// startTimeout is how long a collector may take until it listens, stopTimeout until it ends.
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 90 * time.Second
)

// collector is an arm that runs, with the sinks it sends to.
type collector struct {
	variant   variant
	endpoints peers.Endpoints
	process   *proc.Process
	otlp      *sink.OTLP
	remote    *sink.RemoteWrite
}

// start starts a variant and waits until it listens. memory of ids is left out where countOnly is set.
func (b *bench) start(ctx context.Context, v variant, flush time.Duration, countOnly bool) (*collector, error) {
	c := &collector{variant: v}
	if err := b.startSinks(c, countOnly); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	config, err := b.writeConfig(v, c.endpoints, flush)
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	o := proc.Options{Path: b.ours, Args: []string{"--config", config}, Log: config + ".log"}
	if v.arm == "contrib" {
		o.Path = b.contrib
		o.Env = []string{"GOGC=" + strconv.Itoa(v.gogc)}
	}
	if c.process, err = proc.Start(o); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.process.WaitListening(ctx, c.endpoints.GRPC); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (b *bench) startSinks(c *collector, countOnly bool) error {
	var err error
	if c.otlp, err = sink.NewOTLP(sink.OTLPOptions{CountOnly: countOnly}); err != nil {
		return err
	}
	if c.remote, err = sink.NewRemoteWrite(""); err != nil {
		return err
	}
	c.endpoints, err = peers.FreeEndpoints(c.otlp.Address(), c.remote.URL(), b.profile != "")
	return err
}

func (b *bench) writeConfig(v variant, e peers.Endpoints, flush time.Duration) (string, error) {
	text, err := config(v, b.job(v, e, flush))
	if err != nil {
		return "", err
	}
	b.runSeq++
	path := filepath.Join(b.work, fmt.Sprintf("%03d-%s.yaml", b.runSeq, v.arm))
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// stop ends the collector and its sinks, in this order, so that it can still send what it holds.
func (c *collector) stop() error {
	var err error
	if c.process != nil {
		err = c.process.Stop(stopTimeout)
		if code := c.process.ExitCode(); err == nil && code != 0 {
			err = fmt.Errorf("%v ended with code %d; its output ends with:\n%s", c.variant, code, c.process.LogTail(4096))
		}
	}
	if c.otlp != nil {
		c.otlp.Close()
	}
	if c.remote != nil {
		c.remote.Close()
	}
	return err
}
