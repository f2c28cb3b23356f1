package otlpsloreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"
)

// flushLoop hands out the metrics of all spans every metrics_flush_interval.
func (r *otlpReceiver) flushLoop(ctx context.Context) {
	ticker := time.NewTicker(r.cfg.RED.MetricsFlushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			r.flush(ctx, now)
		}
	}
}

func (r *otlpReceiver) flush(ctx context.Context, now time.Time) {
	md, ld := r.engine.Flush(now)
	r.flushMetrics(ctx, md)
	r.flushEvents(ctx, ld)
}

// eventsKeptMax bounds the events that are kept while the logs pipeline refuses them.
const eventsKeptMax = 10_000

// flushEvents hands out what coverage has to tell, and what the logs pipeline refused before.
func (r *otlpReceiver) flushEvents(ctx context.Context, ld plog.Logs) {
	if r.nextLogs == nil {
		return
	}
	ld.ResourceLogs().MoveAndAppendTo(r.events.ResourceLogs())
	if r.events.LogRecordCount() == 0 {
		return
	}
	sent := plog.NewLogs() // a consumer may change what it gets
	r.events.CopyTo(sent)
	err := r.nextLogs.ConsumeLogs(ctx, sent)
	switch {
	case err == nil || consumererror.IsPermanent(err):
		r.events = plog.NewLogs()
	default:
		keepLatest(r.events, eventsKeptMax)
	}
	if err != nil && !r.eventsFailing {
		r.set.Logger.Warn("the logs pipeline refuses events of coverage; unless for good, they are sent again with the next flush", zap.Error(err))
	}
	r.eventsFailing = err != nil
}

// keepLatest takes out the oldest records until there are no more than limit.
func keepLatest(ld plog.Logs, limit int) {
	over := ld.LogRecordCount() - limit
	ld.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		records := rl.ScopeLogs().At(0).LogRecords() // of one flush
		records.RemoveIf(func(plog.LogRecord) bool {
			over--
			return over >= 0
		})
		return records.Len() == 0
	})
}

func (r *otlpReceiver) flushMetrics(ctx context.Context, md pmetric.Metrics) {
	if r.nextMetrics == nil || md.ResourceMetrics().Len() == 0 {
		r.telemetry.flushed.Store(time.Now().UnixMilli())
		return
	}
	err := r.nextMetrics.ConsumeMetrics(ctx, md)
	switch {
	case err != nil && !r.flushFailing: // told once, until it succeeds again
		r.set.Logger.Warn("the metrics pipeline refuses flushes of metrics; counters are cumulative, so that the next one it takes "+
			"holds their figures", zap.Error(err))
	case err == nil && r.flushFailing:
		r.set.Logger.Info("the metrics pipeline takes flushes of metrics again")
	}
	if r.flushFailing = err != nil; err != nil {
		r.telemetry.flushFailures.Add(ctx, 1)
		return
	}
	r.telemetry.flushed.Store(time.Now().UnixMilli())
}
