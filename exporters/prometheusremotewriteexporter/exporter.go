package prometheusremotewriteexporter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite/translate"
)

var errShutdown = errors.New("the exporter is shut down")

// metricsExporter takes metrics in, queues them, and has one sender a shard take them out again.
type metricsExporter struct {
	config      *Config
	settings    exporter.Settings
	logger      *zap.Logger
	translator  *translate.Translator
	queue       atomic.Pointer[remotewrite.Queue] // nil before Start
	negotiation *remotewrite.Negotiation
	accumulator *translate.Accumulator // nil: delta points are left out
	telemetry   *telemetry
	client      *http.Client
	userAgent   string
	buffers     sync.Pool // of *translate.Buffer

	// closing guards closed: nothing is queued after Shutdown has begun.
	closing sync.RWMutex
	closed  bool
	// draining is closed when Shutdown begins: senders end when they have nothing left.
	draining chan struct{}
	// life ends when Shutdown has waited long enough: senders end, with what is in flight.
	life    context.Context
	endLife context.CancelFunc
	senders sync.WaitGroup

	// newestSent is the highest timestamp of what arrived, Unix milliseconds.
	newestSent atomic.Int64

	// One a minute each: points left out, samples lost, of the log too, endpoint or disk failing, endpoint downgraded, too many
	// tenants.
	leftOut, losing, losingLog, failing, failingDisk, downgrading, tenantLimit throttle
}

var _ exporter.Metrics = (*metricsExporter)(nil)

func newMetricsExporter(set exporter.Settings, config *Config) (*metricsExporter, error) {
	translator, err := translate.New(config.translation())
	if err != nil {
		return nil, fmt.Errorf("cannot create exporter %q: %w", set.ID, err)
	}
	e := &metricsExporter{
		config:      config,
		settings:    set,
		logger:      set.Logger,
		translator:  translator,
		accumulator: config.accumulator(),
		// Names that are not escaped have no place in 1.0.
		negotiation: remotewrite.NewNegotiation(config.ProtobufMessage, config.strategy().ShouldEscape()),
		userAgent:   set.BuildInfo.Command + "/" + set.BuildInfo.Version,
		buffers:     sync.Pool{New: func() any { return new(translate.Buffer) }},
		draining:    make(chan struct{}),
	}
	e.life, e.endLife = context.WithCancel(context.Background())
	if e.telemetry, err = newTelemetry(set, e.observe); err != nil {
		return nil, fmt.Errorf("cannot create exporter %q: %w", set.ID, err)
	}
	return e, nil
}

// openQueue opens the queue, which may hold something of the past.
func (e *metricsExporter) openQueue() error {
	config := e.config.queue(e.settings.ID)
	config.Start = func(shard *remotewrite.Shard) {
		s := &sender{metricsExporter: e, shard: shard}
		e.senders.Go(s.run)
	}
	config.Lost = e.lostInQueue
	if wal := e.config.WAL; wal != nil && e.config.MaxRetryAge > 0 && (wal.MaxAge == 0 || e.config.MaxRetryAge < wal.MaxAge) {
		e.logger.Warn("what waits longer than max_retry_age, or max_elapsed_time, is given up although the wal would keep it",
			zap.Duration("max_retry_age", e.config.MaxRetryAge), zap.Duration("wal_max_age", wal.MaxAge))
	}
	queue, err := remotewrite.NewQueue(config)
	if err != nil {
		return err
	}
	e.queue.Store(queue)
	if config.Log == nil {
		return nil
	}
	if damage := queue.Damage(); damage.Regions > 0 {
		e.logger.Warn("parts of the remote-write log are damaged, what they held is lost", zap.String("directory", config.Log.Dir),
			zap.Int("parts", damage.Regions), zap.Int64("bytes", damage.Bytes))
	}
	if pending := queue.Pending(); pending.Samples > 0 {
		e.logger.Info("the remote-write log has samples of before, they are sent first", zap.String("directory", config.Log.Dir),
			zap.Int("samples", pending.Samples), zap.Time("oldest", pending.Oldest))
	}
	return nil
}

// Capabilities says that the metrics are only read.
func (e *metricsExporter) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// Start opens the HTTP client and starts the senders.
func (e *metricsExporter) Start(ctx context.Context, host component.Host) error {
	settings := e.config.HTTP
	settings.Compression = ""              // batches are compressed already
	if settings.MaxIdleConnsPerHost == 0 { //nolint:staticcheck // keepalive::max_idle_conns_per_host is folded into it
		// net/http keeps two: the other shards would connect anew for every flush.
		settings.MaxIdleConnsPerHost = e.config.shards() * min(e.config.tenants(), 20) //nolint:staticcheck // see above
	}
	client, err := settings.ToClient(ctx, host.GetExtensions(), e.settings.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("cannot create the HTTP client for %q: %w", e.settings.ID, err)
	}
	if err := e.startSenders(client); err != nil {
		return fmt.Errorf("cannot start %q: %w", e.settings.ID, err)
	}
	return nil
}

func (e *metricsExporter) startSenders(client *http.Client) error {
	client.CheckRedirect = followPosts
	e.client = client
	if err := e.openQueue(); err != nil {
		return err
	}
	e.queue.Load().Start()
	e.senders.Go(e.tick)
	return nil
}

// lostInQueue counts what the log's bounds or damage cost, and says so once a minute. The queue calls it with its lock.
func (e *metricsExporter) lostInQueue(why remotewrite.Loss, counts remotewrite.Counts, points int) {
	e.telemetry.lost(counts, why)
	add(e.telemetry.failedPoints, points, e.telemetry.id)
	if skipped, ok := e.losingLog.allow(time.Now()); ok {
		e.logger.Error("samples in the remote-write log are lost", zap.String("reason", string(why)), zap.Int("samples", counts.Samples),
			zap.Int("histograms", counts.Histograms), zap.Int("exemplars", counts.Exemplars), zap.Int("other_batches", skipped))
	}
}

// tick has the queue do what is due, until the exporter is shut down.
func (e *metricsExporter) tick() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			if err := e.queue.Load().Tick(now); err != nil {
				if skipped, ok := e.failingDisk.allow(now); ok {
					e.logger.Warn("cannot have the remote-write log on disk", zap.Error(err), zap.Int("other_times", skipped))
				}
			}
		case <-e.draining:
			return
		}
	}
}

// followPosts follows redirects that keep the request. One that turns the POST into a GET would be answered with a page,
// and look like a success.
func followPosts(r *http.Request, via []*http.Request) error {
	if r.Method != http.MethodPost || len(via) >= 10 {
		return http.ErrUseLastResponse
	}
	return nil
}

// Shutdown takes nothing in any more, sends what is queued until the context or shutdown_timeout ends, and counts what
// is left then.
func (e *metricsExporter) Shutdown(ctx context.Context) error {
	e.closing.Lock()
	again := e.closed
	e.closed = true
	e.closing.Unlock()
	if again {
		return nil
	}
	close(e.draining)
	queue := e.queue.Load()
	if queue == nil {
		return e.telemetry.shutdown()
	}
	queue.Drain()
	ctx, cancel := context.WithTimeout(ctx, e.config.ShutdownTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, e.endLife)
	e.senders.Wait()
	stop()
	e.endLife()
	e.client.CloseIdleConnections()
	if kept := queue.Pending(); kept.Samples > 0 && e.config.WAL != nil {
		e.logger.Info("what was not sent is in the remote-write log, and is sent when the exporter starts again", zap.Int("samples", kept.Samples))
	}
	left, err := queue.Close(errShutdown)
	e.abandoned(left)
	return errors.Join(err, e.telemetry.shutdown())
}

// abandoned counts what was queued in memory and could not be sent.
func (e *metricsExporter) abandoned(left []*remotewrite.Batch) {
	if len(left) == 0 {
		return
	}
	points, counts := 0, remotewrite.Counts{}
	for _, b := range left {
		points += b.Points
		counts = counts.Add(b.Counts)
	}
	e.telemetry.lost(counts, remotewrite.LostShutdown)
	add(e.telemetry.failedPoints, points, e.telemetry.id)
	e.logger.Error("shut down before everything was sent, the rest is lost", zap.Int("data_points", points),
		zap.Int("samples", counts.Samples), zap.Int("histograms", counts.Histograms), zap.Int("exemplars", counts.Exemplars))
}

// observe returns what the observed metrics show now.
func (e *metricsExporter) observe() observed {
	now := time.Now()
	o := observed{capacity: e.config.Queue.QueueSize, newestSent: e.newestSent.Load(), downgraded: e.negotiation.Downgraded(now)}
	if log := e.config.queue(e.settings.ID).Log; log != nil {
		o.capacity, o.logCapacity = 0, log.Capacity()
	}
	if queue := e.queue.Load(); queue != nil {
		o.Pending = queue.Pending()
		if !o.Oldest.IsZero() {
			o.age = now.Sub(o.Oldest)
		}
	}
	return o
}

// sentThrough remembers that a sample of a time arrived.
func (e *metricsExporter) sentThrough(timestamp int64) {
	for {
		newest := e.newestSent.Load()
		if timestamp <= newest || e.newestSent.CompareAndSwap(newest, timestamp) {
			return
		}
	}
}
