package otlpsloreceiver

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/slo"
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
	md := r.engine.Flush(now)
	if r.nextMetrics == nil || md.ResourceMetrics().Len() == 0 {
		return
	}
	// Counters are cumulative: what is refused now is in the next flush as well.
	if err := r.nextMetrics.ConsumeMetrics(ctx, md); err != nil {
		r.telemetry.flushFailures.Add(ctx, 1)
		r.set.Logger.Warn("a flush of metrics was refused; the next one holds its figures", zap.Error(err))
	}
}

// sloPollInterval is how often SLO files are looked at.
const sloPollInterval = 10 * time.Second

func (r *otlpReceiver) loadSLOs() (slo.Config, error) {
	r.sloSource = slo.NewSource(r.cfg.SLO)
	return r.sloSource.Load()
}

// watchSLOs replaces the SLOs when their files change. A broken file changes nothing and is told once.
func (r *otlpReceiver) watchSLOs(ctx context.Context) {
	ticker := time.NewTicker(sloPollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !r.sloSource.Changed() {
			continue
		}
		cfg, err := r.sloSource.Load()
		if err == nil {
			err = r.engine.ReloadSLOs(cfg)
		}
		if err != nil {
			r.set.Logger.Error("cannot reload SLO files; the SLOs stay as they were", zap.Error(err))
			continue
		}
		r.set.Logger.Info("SLO files reloaded", zap.Int("slos", len(cfg.SLOs)))
	}
}
