package otlpsloreceiver

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
)

// report is the Collector's own telemetry of what one transport received. Logs and metrics are reported by the embedded
// ObsReport, request by request. Accepted spans are added up and reported when somebody reads the metrics: three counters
// and a span of the Collector's own for each request would take as long as a sixth of what the engine does with it.
type report struct {
	*receiverhelper.ObsReport
	// each: every request of spans is reported by itself.
	each     bool
	accepted atomic.Int64 // spans that have not been reported
}

// requestsGate adds a metric that counts requests; then each one has to be reported.
const requestsGate = "receiverhelper.newReceiverMetrics"

// reports are those of the transports.
type reports [transports]*report

func newReports(set receiver.Settings) (all reports, err error) {
	each := false
	featuregate.GlobalRegistry().VisitAll(func(g *featuregate.Gate) {
		each = each || g.ID() == requestsGate && g.IsEnabled()
	})
	for t := range all {
		all[t] = &report{each: each}
		all[t].ObsReport, err = receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
			ReceiverID: set.ID, Transport: transportNames[t], ReceiverCreateSettings: set,
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// beginTraces begins a request of spans.
func (r *report) beginTraces(ctx context.Context) context.Context {
	if r.each {
		return r.StartTracesOp(ctx)
	}
	return ctx
}

// endTraces ends it; err is why the spans were refused.
func (r *report) endTraces(ctx context.Context, format string, spans int, err error) {
	switch {
	case r.each:
		r.EndTracesOp(ctx, format, spans, err)
	case err == nil:
		r.accepted.Add(int64(spans))
	default:
		r.EndTracesOp(r.StartTracesOp(ctx), format, spans, err)
	}
}

// flush reports the spans accepted since the last time.
func (r *report) flush(ctx context.Context) {
	if n := r.accepted.Swap(0); n > 0 {
		r.EndTracesOp(r.StartTracesOp(ctx), protobufEncoding.format(), int(n), nil)
	}
}

func (r *reports) flush(ctx context.Context) {
	for _, each := range r {
		each.flush(ctx)
	}
}
