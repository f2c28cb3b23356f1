package otlpsloreceiver

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/enginefigures"
	"github.com/otelcol-slo/otelcol-slo/internal/enginefiles"
	"github.com/otelcol-slo/otelcol-slo/internal/ottlcondition"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
	"github.com/otelcol-slo/otelcol-slo/internal/webserver"
)

// otlpReceiver is the one instance behind the signals of a receiver id.
type otlpReceiver struct {
	cfg *Config
	set receiver.Settings

	nextTraces  consumer.Traces
	nextMetrics consumer.Metrics
	nextLogs    consumer.Logs

	engine    *spanpipe.Engine
	traces    *tracesIntake
	files     *enginefiles.Files
	telemetry *telemetry
	reports   reports
	door      *door
	grpc      *grpcServer
	http      *httpServer
	debug     *webserver.Server

	goLimit       goLimit
	flushFailing  bool
	events        plog.Logs // of coverage, not handed out yet
	eventsFailing bool
	loops         sync.WaitGroup
	stopLoops     context.CancelFunc
}

// start makes the engine and opens the doors. What has been started is stopped again where something fails.
func (r *otlpReceiver) start(ctx context.Context, host component.Host) error {
	if err := r.startEngine(); err != nil {
		return err
	}
	r.warnOfMissingPipelines()
	if err := r.openDoors(ctx, host); err != nil {
		return errors.Join(err, r.shutdown(ctx))
	}
	return nil
}

func (r *otlpReceiver) startEngine() error {
	limits, err := r.cfg.Memory.Resolve()
	if err != nil {
		return err
	}
	settings := spanpipe.Settings{
		Config: r.cfg.engine(), Limits: limits, WriterID: writerID(r.cfg.RED.WriterID), Start: time.Now(),
		Conditions: ottlcondition.Compiler(r.set.TelemetrySettings), IsPermanent: consumererror.IsPermanent,
	}
	if r.nextTraces != nil {
		settings.SendTraces = sendTo(r.nextTraces)
	}
	r.files = enginefiles.New(r.cfg.Sampling, r.cfg.SLO)
	if settings.Config.Sampling, settings.Config.SLO, err = r.files.Load(); err != nil {
		return err
	}
	engine, err := spanpipe.New(settings)
	if err != nil {
		return err
	}
	refused := &refused{}
	if r.reports, err = newReports(r.set); err == nil {
		r.telemetry, err = newTelemetry(r.set.TelemetrySettings, engine, refused, &r.reports)
	}
	if err != nil {
		engine.Close()
		return err
	}
	r.engine = engine
	r.files.Follow(engine, r.set.Logger, policyNotes)
	r.traces = &tracesIntake{engine: engine}
	r.door = &door{
		logger: r.set.Logger, telemetry: r.set.TelemetrySettings, receiveTimeout: r.cfg.ReceiveTimeout,
		inFlight: &inFlight{gate: engine.InFlight()}, refused: refused,
	}
	r.goLimit.set(limits.Go)
	for _, note := range policyNotes(&settings.Config.Sampling) {
		r.set.Logger.Info(note)
	}
	r.set.Logger.Info("memory limits", zap.Int64("buffers_mib", limits.Buffers>>20), zap.Int64("go_mib", r.goLimit.inUse()>>20))
	ctx, stop := context.WithCancel(context.Background())
	r.stopLoops = stop
	r.loops.Go(func() { engine.Run(ctx) })
	r.loops.Go(func() { r.flushLoop(ctx) })
	r.loops.Go(func() { r.files.Watch(ctx) })
	return nil
}

// policyNotes says of policies what of them has no effect.
func policyNotes(cfg *sampling.Config) []string {
	notes := cfg.Notes()
	for i := range notes {
		notes[i] = "sampling: " + notes[i]
	}
	return notes
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
	return componentType.String()
}

// warnOfMissingPipelines tells of what is made and goes nowhere.
func (r *otlpReceiver) warnOfMissingPipelines() {
	if r.nextTraces == nil {
		r.set.Logger.Warn("no traces pipeline has this receiver: spans are counted, no trace is kept")
	}
	if r.nextMetrics == nil {
		r.set.Logger.Warn("no metrics pipeline has this receiver: RED metrics and SLIs go nowhere, received metrics are refused")
	}
}

// openDoors starts the servers. A receiver that is in a logs pipeline alone takes no traces.
func (r *otlpReceiver) openDoors(ctx context.Context, host component.Host) error {
	if r.nextTraces != nil || r.nextMetrics != nil {
		r.door.intakes[signalTraces] = r.traces
	}
	if r.nextMetrics != nil {
		r.door.intakes[signalMetrics] = metricsIntake{r.nextMetrics}
	}
	if r.nextLogs != nil {
		r.door.intakes[signalLogs] = logsIntake{r.nextLogs}
	}
	var err error
	if debug := r.cfg.Debug.HTTP; debug.HasValue() {
		pages := &debugPages{services: r.engine.Services, why: r.engine.Why, refused: r.door.refused}
		if r.debug, err = startDebug(ctx, host, debug.Get(), r.set.TelemetrySettings, pages); err != nil {
			return err
		}
	}
	if protocol := r.cfg.Protocols.GRPC; protocol.HasValue() {
		if r.grpc, err = startGRPC(ctx, host, protocol.Get(), r.door, r.reports[transportGRPC]); err != nil {
			return err
		}
	}
	if protocol := r.cfg.Protocols.HTTP; protocol.HasValue() {
		if r.http, err = startHTTP(ctx, host, protocol.Get(), r.door, r.reports[transportHTTP]); err != nil {
			return err
		}
	}
	return nil
}

// Of shutdown_timeout, requests that have begun get the first quarter, the last flush gets a tenth, and deciding and sending
// what is held gets the rest between them.
const (
	shareOfRequests = 4
	shareOfFlush    = 10
)

// shutdown stops taking, decides what is held, sends, flushes. It is called once at most, after a start.
func (r *otlpReceiver) shutdown(ctx context.Context) error {
	total := r.cfg.ShutdownTimeout
	ctx, cancel := context.WithTimeout(ctx, total)
	defer cancel()
	r.closeDoors(ctx, total/shareOfRequests)
	r.stopLoops()
	r.loops.Wait()
	if r.debug != nil { // while there is time: who asks must be gone when the memory is
		r.debug.Stop(ctx)
	}

	drain, cancelDrain := context.WithTimeout(ctx, total-total/shareOfRequests-total/shareOfFlush)
	defer cancelDrain()
	left := r.engine.Drain(drain)
	account := r.engine.Stats(time.Now())
	enginefigures.LogAccount(r.set.Logger, &account, left)
	last, cancelLast := context.WithTimeout(context.WithoutCancel(ctx), total/shareOfFlush)
	defer cancelLast()
	r.flush(last, time.Now())
	r.reports.flush(last)
	err := r.telemetry.close()
	r.engine.Close()
	r.goLimit.restore()
	return err
}

// closeDoors refuses new requests, lets those end that have begun, and returns when none is being taken in.
func (r *otlpReceiver) closeDoors(ctx context.Context, timeout time.Duration) {
	r.door.stopping.Store(true)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var stopping sync.WaitGroup
	if r.grpc != nil {
		stopping.Go(func() { r.grpc.stop(ctx) })
	}
	if r.http != nil {
		stopping.Go(func() { r.http.stop(ctx) })
	}
	stopping.Wait()
	r.traces.close()
}
