package otlpsloreceiver

import (
	"context"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
)

// metricsGRPC passes received metrics on.
type metricsGRPC struct {
	pmetricotlp.UnimplementedGRPCServer
	receiver *otlpReceiver
}

func (s *metricsGRPC) Export(ctx context.Context, request pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), s.receiver.passMetrics(ctx, s.receiver.obsGRPC, "protobuf", request)
}

// logsGRPC passes received logs on.
type logsGRPC struct {
	plogotlp.UnimplementedGRPCServer
	receiver *otlpReceiver
}

func (s *logsGRPC) Export(ctx context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), s.receiver.passLogs(ctx, s.receiver.obsGRPC, "protobuf", request)
}

func (r *otlpReceiver) passMetrics(ctx context.Context, obs *receiverhelper.ObsReport, format string, request pmetricotlp.ExportRequest) error {
	if r.draining.Load() {
		r.refusals.add(refusalDraining)
		return statusDraining
	}
	md := request.Metrics()
	points := md.DataPointCount()
	if points == 0 {
		return nil
	}
	ctx = obs.StartMetricsOp(ctx)
	err := r.nextMetrics.ConsumeMetrics(ctx, md)
	obs.EndMetricsOp(ctx, format, points, err)
	if err != nil {
		return consumerStatus(err)
	}
	return nil
}

func (r *otlpReceiver) passLogs(ctx context.Context, obs *receiverhelper.ObsReport, format string, request plogotlp.ExportRequest) error {
	if r.draining.Load() {
		r.refusals.add(refusalDraining)
		return statusDraining
	}
	ld := request.Logs()
	records := ld.LogRecordCount()
	if records == 0 {
		return nil
	}
	ctx = obs.StartLogsOp(ctx)
	err := r.nextLogs.ConsumeLogs(ctx, ld)
	obs.EndLogsOp(ctx, format, records, err)
	if err != nil {
		return consumerStatus(err)
	}
	return nil
}
