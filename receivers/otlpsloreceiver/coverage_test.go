package otlpsloreceiver

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// callOf is a trace of a shop that calls payments, which doesn't answer.
func callOf(trace byte) ptrace.Traces {
	td := traceOf(trace, 1, false)
	rs := td.ResourceSpans().At(0)
	rs.Resource().Attributes().PutStr("service.name", "shop")
	call := rs.ScopeSpans().At(0).Spans().At(0)
	call.SetKind(ptrace.SpanKindClient)
	call.SetParentSpanID(pcommon.SpanID{})
	call.Attributes().PutStr("server.address", "payments")
	return td
}

func TestOfEventsThatAreRefusedTheLatestAreKept(t *testing.T) {
	ld := plog.NewLogs()
	for flush := range 3 {
		records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		for i := range 10 {
			records.AppendEmpty().SetTimestamp(pcommon.Timestamp(10*flush + i))
		}
	}
	keepLatest(ld, 40)
	require.Equal(t, 30, ld.LogRecordCount())
	keepLatest(ld, 15)
	require.Equal(t, 15, ld.LogRecordCount())
	require.Equal(t, 2, ld.ResourceLogs().Len())
	require.EqualValues(t, 15, ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Timestamp())
}

func TestGapsAreTold(t *testing.T) {
	var scopes []string
	var events []string
	var refuse error
	r := start(t, withConfig(func(c *Config) {
		c.RED.MetricsFlushInterval = time.Hour // flushed by hand
		c.Coverage.OpenAfter = 0
	}), withOutlet(func(o *outlet) {
		o.metrics = func(_ context.Context, md pmetric.Metrics) error {
			for _, rm := range md.ResourceMetrics().All() {
				scopes = append(scopes, rm.ScopeMetrics().At(0).Scope().Name())
			}
			return nil
		}
		o.logs = func(_ context.Context, ld plog.Logs) error {
			if refuse != nil {
				return refuse
			}
			for _, rl := range ld.ResourceLogs().All() {
				for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
					events = append(events, lr.EventName()+": "+lr.Body().Str())
				}
			}
			return nil
		}
	}))
	sendGRPC(t, r, callOf(1))
	r.await(t, 1, "otelcol_processor_tail_sampling_global_count_traces_sampled", "decision", "not_sampled")
	refuse = errors.New("not now")
	r.flush(t.Context(), time.Now())
	require.Contains(t, scopes, "github.com/otelcol-slo/otelcol-slo/internal/coverage")
	require.Contains(t, scopes, "github.com/otelcol-slo/otelcol-slo/internal/red")
	require.Empty(t, events)
	refuse = nil
	r.flush(t.Context(), time.Now().Add(time.Second))
	require.Equal(t, []string{"observability.gap.opened: payments is called by shop, and no span of it ever came"}, events)
	r.flush(t.Context(), time.Now().Add(2*time.Second))
	require.Len(t, events, 1)
}
