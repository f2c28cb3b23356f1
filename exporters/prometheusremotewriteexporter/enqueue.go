package prometheusremotewriteexporter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite/translate"
)

// ConsumeMetrics queues a payload, whole or not at all. Where there is no room it fails with an error that may be
// retried; where there would never be, with a permanent one. Without a queue it waits for the answer.
func (e *metricsExporter) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	payload, err := e.enqueue(ctx, md)
	if err != nil || e.config.Queue.Enabled {
		return err
	}
	select {
	case <-payload.Done():
		return payload.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *metricsExporter) enqueue(ctx context.Context, md pmetric.Metrics) (*remotewrite.Payload, error) {
	shares, beyond := e.config.shares(ctx, md)
	queuing := make([]remotewrite.Share, len(shares))
	buffers := make([]*translate.Buffer, len(shares))
	for i := range shares {
		buffers[i] = e.buffers.Get().(*translate.Buffer)
		queuing[i] = remotewrite.Share{Source: buffers[i], Headers: shares[i].headers}
	}
	defer func() {
		for _, b := range buffers {
			b.Reset() // lets go of the payload
			e.buffers.Put(b)
		}
	}()
	e.closing.RLock()
	defer e.closing.RUnlock()
	if e.closed || e.queue.Load() == nil {
		return nil, errShutdown
	}
	now := time.Now()
	var payload *remotewrite.Payload
	err := e.accumulator.Run(now, func() (err error) {
		for i := range shares {
			e.translator.FillShare(md, buffers[i], shares[i].Share, e.accumulator)
		}
		payload, err = e.queue.Load().Add(e.negotiation.Message(now), now, queuing...)
		return err
	})
	if err != nil {
		points := md.DataPointCount()
		add(e.telemetry.enqueueFailedPoints, points, e.telemetry.id)
		return nil, refusal(points, err)
	}
	e.queued(queuing, buffers, now)
	e.refusedTenants(beyond, now)
	return payload, nil
}

// refusal is what the caller is told: what has no room now may come again, what never has need not.
func refusal(points int, err error) error {
	switch {
	case errors.Is(err, remotewrite.ErrFull):
		return fmt.Errorf("cannot queue %d data points: %w: %w", points, err, exporterhelper.ErrQueueIsFull)
	case errors.Is(err, remotewrite.ErrTooLarge):
		return consumererror.NewPermanent(fmt.Errorf("cannot queue %d data points: %w", points, err))
	default: // of the disk
		return fmt.Errorf("cannot queue %d data points: %w", points, err)
	}
}

// queued counts what was taken in, and what of it was left out.
func (e *metricsExporter) queued(shares []remotewrite.Share, buffers []*translate.Buffer, now time.Time) {
	var dropped translate.Dropped
	series := 0
	for i, b := range buffers {
		if shares[i].Refused {
			e.refusedTenants(b.Points, now)
			continue
		}
		series += b.Len()
		for reason, n := range b.Dropped {
			dropped[reason] += n
		}
	}
	e.telemetry.queued(series, &dropped)
	e.logLeftOut(&dropped, now)
}

// refusedTenants counts data points of tenants beyond the most there may be.
func (e *metricsExporter) refusedTenants(points int, now time.Time) {
	if points == 0 {
		return
	}
	add(e.telemetry.droppedPoints, points, e.telemetry.with(attribute.String("reason", "tenant_limit")))
	if skipped, ok := e.tenantLimit.allow(now); ok {
		e.logger.Warn("metrics of more tenants than tenant.max are left out", zap.Int("max", e.config.tenants()),
			zap.Int("data_points", points), zap.Int("other_payloads", skipped))
	}
}

func (e *metricsExporter) logLeftOut(dropped *translate.Dropped, now time.Time) {
	if dropped.Total() == 0 {
		return
	}
	skipped, ok := e.leftOut.allow(now)
	if !ok {
		return
	}
	fields := []zap.Field{zap.Int("other_payloads", skipped)}
	for reason, n := range dropped {
		if n > 0 {
			fields = append(fields, zap.Int(translate.Reason(reason).String(), n))
		}
	}
	e.logger.Warn("data points that cannot be sent to Prometheus are left out", fields...)
}
