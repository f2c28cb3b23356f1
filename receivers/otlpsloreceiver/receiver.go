package otlpsloreceiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/otelcol-slo/otelcol-slo/internal/slo"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// otlpReceiver is the one instance behind the signals of a receiver id.
type otlpReceiver struct {
	cfg *Config
	set receiver.Settings

	nextTraces  consumer.Traces
	nextMetrics consumer.Metrics
	nextLogs    consumer.Logs

	signals, started int // protected by instances.mu

	engine    *spanpipe.Engine
	admission *admission
	refusals  refusals
	sloSource *slo.Source
	telemetry *telemetry
	obsGRPC   *receiverhelper.ObsReport
	obsHTTP   *receiverhelper.ObsReport

	serverGRPC *grpc.Server
	serverHTTP *http.Server
	servers    sync.WaitGroup

	draining atomic.Bool
	loops    sync.WaitGroup
	stopLoop context.CancelFunc
	stop     sync.Once
}

func newReceiver(set receiver.Settings, cfg *Config) (*otlpReceiver, error) {
	r := &otlpReceiver{cfg: cfg, set: set}
	var err error
	if r.obsGRPC, err = newObsReport(set, "grpc"); err != nil {
		return nil, err
	}
	if r.obsHTTP, err = newObsReport(set, "http"); err != nil {
		return nil, err
	}
	return r, nil
}

func newObsReport(set receiver.Settings, transport string) (*receiverhelper.ObsReport, error) {
	return receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: transport, ReceiverCreateSettings: set,
	})
}

func (r *otlpReceiver) start(ctx context.Context, host component.Host) error {
	if err := r.startEngine(); err != nil {
		return err
	}
	r.warnOfMissingPipelines()
	err := r.startGRPC(ctx, host)
	if err == nil {
		err = r.startHTTP(ctx, host)
	}
	if err != nil {
		return errors.Join(err, r.shutdown(ctx))
	}
	return nil
}

func (r *otlpReceiver) startEngine() error {
	limits, err := r.cfg.Memory.Resolve()
	if err != nil {
		return err
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limits.Go)
	}
	r.set.Logger.Info("memory limits", zap.Int64("buffers_mib", limits.Buffers>>20), zap.Int64("go_mib", debug.SetMemoryLimit(-1)>>20))
	settings := spanpipe.Settings{
		Config: r.cfg.engine(), Limits: limits, WriterID: writerID(r.cfg.RED.WriterID), Start: time.Now(),
		IsPermanent: consumererror.IsPermanent,
	}
	if r.nextTraces != nil {
		settings.SendTraces = r.sendTraces
	}
	if settings.Config.SLO, err = r.loadSLOs(); err != nil {
		return err
	}
	if r.engine, err = spanpipe.New(settings); err != nil {
		return err
	}
	r.admission = newAdmission(r.engine.InFlight(), r.cfg.ReceiveTimeout)
	if r.telemetry, err = newTelemetry(r.set.TelemetrySettings, r.engine, &r.refusals); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stopLoop = stop
	r.loops.Go(func() { r.engine.Run(ctx) })
	r.loops.Go(func() { r.flushLoop(ctx) })
	r.loops.Go(func() { r.watchSLOs(ctx) })
	return nil
}

// writerID is the configured one or, so that it is stable over restarts, the host's name: in a StatefulSet that is the
// pod's name with its ordinal.
func writerID(configured string) string {
	if configured != "" {
		return configured
	}
	if host, err := os.Hostname(); err == nil {
		return host
	}
	return "otelcol-slo"
}

// warnOfMissingPipelines tells of what is made and goes nowhere.
func (r *otlpReceiver) warnOfMissingPipelines() {
	if r.nextTraces == nil {
		r.set.Logger.Warn("no traces pipeline has this receiver: traces are counted, none is kept")
	}
	if r.nextMetrics == nil {
		r.set.Logger.Warn("no metrics pipeline has this receiver: RED metrics and SLOs go nowhere, received metrics are refused")
	}
}

// sendTraces gives a batch of kept traces to the next consumer.
func (r *otlpReceiver) sendTraces(ctx context.Context, request []byte, _ int) error {
	var unmarshaler ptrace.ProtoUnmarshaler
	td, err := unmarshaler.UnmarshalTraces(request)
	if err != nil { // what was read on its way in can be read on its way out
		return consumererror.NewPermanent(fmt.Errorf("cannot decode kept traces: %w", err))
	}
	return r.nextTraces.ConsumeTraces(ctx, td)
}

// shutdown stops taking, decides what is held, sends, flushes. It does its work once, and none before a start.
func (r *otlpReceiver) shutdown(ctx context.Context) error {
	var err error
	r.stop.Do(func() { err = r.stopAll(ctx) })
	return err
}

func (r *otlpReceiver) stopAll(ctx context.Context) error {
	if r.engine == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.ShutdownTimeout)
	defer cancel()
	r.draining.Store(true)
	err := r.stopServers(ctx)
	r.stopLoop()
	r.loops.Wait()
	left := r.engine.Drain(ctx)
	if left.Spans > 0 {
		r.set.Logger.Error("spans were not delivered before shutdown_timeout", zap.Uint64("spans", left.Spans))
	}
	r.flush(context.WithoutCancel(ctx), time.Now())
	err = errors.Join(err, r.telemetry.close())
	r.engine.Close()
	return err
}

func (r *otlpReceiver) stopServers(ctx context.Context) error {
	var err error
	if r.serverHTTP != nil {
		if err = r.serverHTTP.Shutdown(ctx); err != nil {
			err = errors.Join(err, r.serverHTTP.Close())
		}
	}
	if r.serverGRPC != nil {
		done := make(chan struct{})
		go func() { r.serverGRPC.GracefulStop(); close(done) }()
		select {
		case <-done:
		case <-ctx.Done():
			r.serverGRPC.Stop()
			<-done
		}
	}
	r.servers.Wait()
	return err
}
