package otlpsloreceiver

import (
	"context"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver/internal/nesting"
)

// metricsIntake passes received metrics on.
type metricsIntake struct{ next consumer.Metrics }

// take implements intake.
func (m metricsIntake) take(ctx context.Context, q *request) (message, error) {
	in := pmetricotlp.NewExportRequest()
	if err := q.decode(ctx, in, nesting.CheckMetrics); err != nil {
		return nil, err
	}
	q.done() // what is decoded is the pipeline's
	md := in.Metrics()
	points := md.DataPointCount()
	if points == 0 {
		return nil, nil
	}
	ctx = q.report.StartMetricsOp(ctx)
	err := m.next.ConsumeMetrics(ctx, md)
	q.report.EndMetricsOp(ctx, q.encoding.format(), points, err)
	return nil, err
}
