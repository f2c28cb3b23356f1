package tailsamplingprocessor

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/enginefigures"
	"github.com/otelcol-slo/otelcol-slo/internal/enginefiles"
	"github.com/otelcol-slo/otelcol-slo/internal/ottlcondition"
	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// tailSampling is one processor in one pipeline.
type tailSampling struct {
	cfg  *Config
	set  processor.Settings
	next consumer.Traces

	engine    *spanpipe.Engine
	debug     *debugServer // nil: none
	telemetry *telemetry
	contexts  *contexts
	refused   refused
	waiting   atomic.Int64 // requests that wait for room

	mu sync.RWMutex // held for reading while the engine takes a request in
	// open: requests are taken; from the start to the shutdown.
	open bool

	running  sync.WaitGroup
	stopLoop context.CancelFunc
}

// started is how many processors run in this process.
var started atomic.Int64

var _ processor.Traces = (*tailSampling)(nil)

func newProcessor(cfg *Config, set processor.Settings, next consumer.Traces) *tailSampling {
	return &tailSampling{
		cfg: cfg, set: set, next: next,
		contexts: newContexts(cfg.MetadataKeys, cfg.MetadataCardinalityLimit),
	}
}

// Start implements component.Component.
func (p *tailSampling) Start(ctx context.Context, host component.Host) error {
	memory := spanpipe.MemoryConfig{LimitMiB: p.cfg.Memory.LimitMiB}
	limits, err := memory.Resolve()
	if err != nil {
		return err
	}
	settings := spanpipe.Settings{
		Config: p.cfg.engine(), Limits: limits, NoRED: true, WriterID: p.set.ID.String(), Start: time.Now(),
		Conditions: ottlcondition.Compiler(p.set.TelemetrySettings), SendTraces: p.send, IsPermanent: consumererror.IsPermanent,
	}
	if len(p.cfg.MetadataKeys) > 0 {
		settings.InContext = p.contexts.restore
	}
	settings.StoredContext, settings.RestoreContext = p.contexts.text, p.contexts.recall
	files := enginefiles.New(settings.Config.Sampling, p.cfg.SLO)
	if settings.Config.Sampling, settings.Config.SLO, err = files.Load(); err != nil {
		return err
	}
	engine, err := spanpipe.New(settings)
	if err != nil {
		return err
	}
	if p.telemetry, err = newTelemetry(p.set.TelemetrySettings, engine, p); err != nil {
		engine.Close()
		return err
	}
	p.tell(gateNotes(featuregate.GlobalRegistry()))
	p.tell(p.cfg.notes())
	p.tell(p.cfg.policyNotes(&settings.Config.Sampling))
	p.set.Logger.Info("memory limit", zap.Int64("buffers_mib", limits.Buffers>>20))
	if n := started.Add(1); n > 1 && p.cfg.Memory.LimitMiB == 0 {
		p.set.Logger.Warn("several tail_sampling processors may take half of the memory each: set memory.limit_mib", zap.Int64("processors", n))
	}
	p.engine = engine
	if err := p.startDebug(ctx, host); err != nil {
		started.Add(-1)
		return errors.Join(err, p.close())
	}
	run, stop := context.WithCancel(context.Background())
	p.stopLoop = stop
	p.running.Go(func() { engine.Run(run) })
	files.Follow(engine, p.set.Logger, p.cfg.policyNotes)
	p.running.Go(func() { files.Watch(run) })
	p.mu.Lock()
	p.open = true
	p.mu.Unlock()
	return nil
}

func (p *tailSampling) tell(notes []string) {
	for _, note := range notes {
		p.set.Logger.Info(note)
	}
}

// Shutdown implements component.Component: it refuses what comes, decides what is held, sends what is kept.
func (p *tailSampling) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	wasOpen := p.open
	p.open = false
	p.mu.Unlock()
	if !wasOpen {
		return nil
	}
	p.stopLoop()
	p.running.Wait()

	ctx, cancel := context.WithTimeout(ctx, p.cfg.ShutdownTimeout)
	defer cancel()
	p.stopDebug(ctx) // while there is time: who asks must be gone when the memory is
	if p.cfg.DropPendingTracesOnShutdown {
		traces := p.engine.DropUndecided()
		p.set.Logger.Info("dropped undecided traces, as drop_pending_traces_on_shutdown says", zap.Int("traces", traces))
	}
	left := p.engine.Drain(ctx)
	account := p.engine.Stats(time.Now())
	enginefigures.LogAccount(p.set.Logger, &account, left)
	started.Add(-1)
	return p.close()
}

// close gives everything back.
func (p *tailSampling) close() error {
	err := p.telemetry.close()
	p.engine.Close()
	return err
}
