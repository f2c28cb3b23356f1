package sink

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"github.com/otelcol-slo/otelcol-slo/testbed/send"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func traceRequest(t *testing.T, ids ...byte) []byte {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, id := range ids {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{id / 10})
		s.SetSpanID(pcommon.SpanID{id})
	}
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return body
}

func newOTLP(t *testing.T, o OTLPOptions) (*OTLP, send.Sender) {
	s, err := NewOTLP(o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	client, err := send.DialGRPC(s.Address(), send.GRPCOptions{Gzip: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	return s, client
}

func TestOTLPTellsDistinctSpansFromDuplicates(t *testing.T) {
	s, client := newOTLP(t, OTLPOptions{})
	for _, body := range [][]byte{traceRequest(t, 11, 12, 21), traceRequest(t, 12, 22)} {
		require.Equal(t, send.OK, client.Send(t.Context(), send.Traces, body).Code)
	}
	assert.Equal(t, OTLPStats{TraceRequests: 2, Spans: 5, Distinct: 4, Duplicates: 1, Traces: 2}, s.Stats())
	assert.Equal(t, truth.Kept{{1}: 2, {2}: 2}, s.Kept())
}

func TestOTLPCountsMetricsAndLogs(t *testing.T) {
	logs := 0
	s, client := newOTLP(t, OTLPOptions{OnLogs: func(ld plog.Logs) { logs += ld.LogRecordCount() }})
	md := pmetric.NewMetrics()
	md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
	body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	require.NoError(t, err)
	require.Equal(t, send.OK, client.Send(t.Context(), send.Metrics, body).Code)
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	body, err = (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	require.Equal(t, send.OK, client.Send(t.Context(), send.Logs, body).Code)
	assert.Equal(t, 1, logs)
	assert.Equal(t, OTLPStats{MetricRequests: 1, Points: 1, LogRequests: 1, Records: 1}, s.Stats())
}

func TestOTLPCountOnlyRemembersNoIDs(t *testing.T) {
	s, client := newOTLP(t, OTLPOptions{CountOnly: true})
	require.Equal(t, send.OK, client.Send(t.Context(), send.Traces, traceRequest(t, 11, 11)).Code)
	assert.Equal(t, OTLPStats{TraceRequests: 1, Spans: 2}, s.Stats())
}

func TestOTLPRefusesAsItsFaultSays(t *testing.T) {
	s, client := newOTLP(t, OTLPOptions{})
	s.SetFault(Fault{Refuse: true, RetryAfter: 3 * time.Second})
	o := client.Send(t.Context(), send.Traces, traceRequest(t, 11))
	assert.Equal(t, send.Outcome{
		Code: "Unavailable", Message: "the sink refuses for now", Retryable: true, RetryAfter: 3 * time.Second,
	}, o)
	s.SetFault(Fault{Refuse: true, Permanent: true})
	o = client.Send(t.Context(), send.Traces, traceRequest(t, 11))
	assert.Equal(t, "InvalidArgument", o.Code)
	assert.False(t, o.Retryable)
	assert.EqualValues(t, 2, s.Refused())
	s.SetFault(Fault{})
	require.Equal(t, send.OK, client.Send(t.Context(), send.Traces, traceRequest(t, 11)).Code)
	assert.EqualValues(t, 1, s.Stats().Spans)
}

func TestOTLPComesBackOnItsAddress(t *testing.T) {
	s, client := newOTLP(t, OTLPOptions{})
	require.Equal(t, send.OK, client.Send(t.Context(), send.Traces, traceRequest(t, 11)).Code)
	s.Down()
	o := client.Send(t.Context(), send.Traces, traceRequest(t, 12))
	assert.Equal(t, "Unavailable", o.Code)
	assert.True(t, o.Retryable)
	require.NoError(t, s.Up())
	o, _ = send.Retry(t.Context(), client, send.Traces, traceRequest(t, 12), nil)
	require.Equal(t, send.OK, o.Code)
	assert.EqualValues(t, 2, s.Stats().Distinct)
}

func TestOTLPRefusesWhatIsNotARequest(t *testing.T) {
	_, client := newOTLP(t, OTLPOptions{})
	body := traceRequest(t, 11)
	assert.Equal(t, "InvalidArgument", client.Send(t.Context(), send.Traces, body[:len(body)-1]).Code)
}
