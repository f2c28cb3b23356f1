package otlpsloreceiver

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// names returns the own metrics of this component.
func (r *running) names(t *testing.T) []string {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, r.own.Collect(t.Context(), &all))
	var names []string
	for _, scope := range all.ScopeMetrics {
		if scope.Scope.Name != scopeName {
			continue
		}
		for _, m := range scope.Metrics {
			names = append(names, m.Name)
		}
	}
	return names
}

func TestTheReadmeNamesEveryOwnMetricAndReason(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	r := start(t, withOutlet(func(o *outlet) {
		o.metrics = func(context.Context, pmetric.Metrics) error { return errors.New("so that flush_failures is there") }
	}))
	sendGRPC(t, r, traceOf(1, 1, false))
	r.flush(t.Context(), time.Now())
	names := r.names(t)
	require.Greater(t, len(names), 20)
	for _, name := range names {
		require.Contains(t, string(text), "`"+name+"`")
	}
	for _, rule := range rules {
		require.Contains(t, string(text), "`"+rule.name+"`")
	}
	require.NotContains(t, strings.ToLower(string(text)), "todo")
}

func TestAcceptedSpansAreConserved(t *testing.T) {
	var refuse atomic.Bool
	r := start(t, withOutlet(func(o *outlet) {
		o.traces = func(context.Context, ptrace.Traces) error {
			if refuse.Load() {
				return consumererror.NewPermanent(errors.New("not this"))
			}
			return nil
		}
	}))
	outcomes := func() int64 {
		return r.figure(t, "otelcol_otlp_slo_spans") + r.figure(t, "otelcol_otlp_slo_held_spans")
	}
	sendGRPC(t, r, traceOf(1, 3, true))
	require.Equal(t, int64(3), outcomes())
	r.await(t, 3, "otelcol_otlp_slo_spans", "outcome", "delivered")
	refuse.Store(true)
	sendHTTPProto(t, r, traceOf(2, 4, true))
	r.await(t, 4, "otelcol_otlp_slo_spans", "outcome", "send_failed")
	sendHTTPJSON(t, r, traceOf(3, 5, false))
	r.await(t, 5, "otelcol_otlp_slo_spans", "outcome", "dropped")
	require.Equal(t, int64(12), outcomes())
	require.Equal(t, int64(12), r.figure(t, "otelcol_otlp_slo_accepted_spans"))
	require.Equal(t, int64(12), r.figure(t, "otelcol_receiver_accepted_spans"))
	require.Equal(t, int64(3), r.figure(t, "otelcol_processor_tail_sampling_new_trace_id_received"))
	require.Equal(t, int64(1), r.figure(t, "otelcol_processor_tail_sampling_global_count_traces_sampled", "decision", "not_sampled"))
}

// TestRequestsOfSpansAreReportedOneByOneWhereSomebodyCountsThem: otherwise spans are reported when metrics are read.
func TestRequestsOfSpansAreReportedOneByOneWhereSomebodyCountsThem(t *testing.T) {
	count := func(t *testing.T) (requests, spans int64) {
		r := start(t)
		for i := range byte(3) {
			sendGRPC(t, r, traceOf(i+1, 2, false))
		}
		return r.figure(t, "otelcol_receiver_requests", "outcome", "success"), r.figure(t, "otelcol_receiver_accepted_spans")
	}
	requests, spans := count(t)
	require.Equal(t, [2]int64{0, 6}, [2]int64{requests, spans})

	gates := featuregate.GlobalRegistry()
	require.NoError(t, gates.Set(requestsGate, true))
	defer func() { require.NoError(t, gates.Set(requestsGate, false)) }()
	requests, spans = count(t)
	require.Equal(t, [2]int64{3, 6}, [2]int64{requests, spans})
}

func TestWhatTheNextConsumerRefusesIsToldAsTheStockReceiverDoes(t *testing.T) {
	var answer error
	r := start(t, withOutlet(func(o *outlet) {
		o.logs = func(context.Context, plog.Logs) error { return answer }
	}))
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logsOf(2))
	require.NoError(t, err)
	conn := r.dial(t)
	for _, tt := range []struct {
		name string
		err  error
		grpc codes.Code
		http int
	}{
		{"for now", errors.New("queue is full"), codes.Unavailable, 503},
		{"for good", consumererror.NewPermanent(errors.New("no such index")), codes.Internal, 500},
		{"with a status", status.Error(codes.ResourceExhausted, "slow down"), codes.ResourceExhausted, 429},
		{"with a status that is the client's fault", status.Error(codes.InvalidArgument, "bad"), codes.InvalidArgument, 400},
		{"as its time was over", context.DeadlineExceeded, codes.DeadlineExceeded, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer = tt.err
			_, err := export(t.Context(), conn, signalLogs, body)
			require.Equal(t, tt.grpc, status.Code(err))
			got := r.post(t, "/v1/logs", protobufType, "", body)
			require.Equal(t, tt.http, got.code)
			require.Equal(t, tt.grpc, codes.Code(statusIn(t, got, protobufType).GetCode()))
		})
	}
	require.EqualValues(t, 5*2, r.figure(t, "otelcol_receiver_refused_log_records", "transport", "grpc"))
	require.Zero(t, r.figure(t, "otelcol_otlp_slo_refused_requests"), "it was not the receiver that refused")
}
