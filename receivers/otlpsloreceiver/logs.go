package otlpsloreceiver

import (
	"context"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-slo/otelcol-slo/receivers/otlpsloreceiver/internal/nesting"
)

// logsIntake passes received logs on.
type logsIntake struct{ next consumer.Logs }

// take implements intake.
func (l logsIntake) take(ctx context.Context, q *request) (message, error) {
	in := plogotlp.NewExportRequest()
	if err := q.decode(ctx, in, nesting.CheckLogs); err != nil {
		return nil, err
	}
	q.done() // what is decoded is the pipeline's
	ld := in.Logs()
	records := ld.LogRecordCount()
	if records == 0 {
		return nil, nil
	}
	ctx = q.report.StartLogsOp(ctx)
	err := l.next.ConsumeLogs(ctx, ld)
	q.report.EndLogsOp(ctx, q.encoding.format(), records, err)
	return nil, err
}
