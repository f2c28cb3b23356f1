package enginefigures

import (
	"go.uber.org/zap"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// LogAccount says what became of all spans since the start: nobody reads own metrics after the end. The figures add up as
// [spanpipe.Stats] says.
func LogAccount(logger *zap.Logger, s *spanpipe.Stats, left spanpipe.Left) {
	if left.Spans > 0 {
		logger.Error("spans could not be delivered within shutdown_timeout", zap.Uint64("spans", left.Spans))
	}
	logger.Info("what became of accepted spans",
		zap.Uint64("accepted", s.AcceptedSpans),
		zap.Uint64("delivered", s.DeliveredSpans), zap.Uint64("late_delivered", s.DeliveredLateSpans),
		zap.Uint64("dropped", s.Buffer.DroppedSpans), zap.Uint64("late_dropped", s.Buffer.LateDropped),
		zap.Uint64("truncated", s.Buffer.Truncated), zap.Uint64("send_failed", s.SendFailedSpans),
		zap.Uint64("lost", s.LostSpans), zap.Uint64("left", left.Spans))
}
