package otlpsloreceiver

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a started receiver in the three pipelines, with what came out of it.
type running struct {
	*otlpReceiver
	signals map[string]component.Component
	logs    *observer.ObservedLogs
	own     *sdkmetric.ManualReader
	out     outlet
}

// outlet is the three pipelines behind a receiver. Its functions may be replaced before the receiver starts.
type outlet struct {
	traces  func(context.Context, ptrace.Traces) error
	metrics func(context.Context, pmetric.Metrics) error
	logs    func(context.Context, plog.Logs) error
}

type option func(*Config, *receiver.Settings, *outlet)

func withConfig(change func(*Config)) option {
	return func(c *Config, _ *receiver.Settings, _ *outlet) { change(c) }
}

func withOutlet(change func(*outlet)) option {
	return func(_ *Config, _ *receiver.Settings, o *outlet) { change(o) }
}

// quick is a configuration for tests: it listens on free ports of the loopback and decides after 20 ms.
func quick() *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Protocols.GRPC.GetOrInsertDefault().NetAddr.Endpoint = "127.0.0.1:0"
	cfg.Protocols.HTTP.GetOrInsertDefault().NetAddr.Endpoint = "127.0.0.1:0"
	cfg.Memory.LimitMiB = 128
	cfg.Sampling.DecisionWait = 20 * time.Millisecond
	cfg.Sampling.DecisionWaitMin = 0
	cfg.Sampling.RescueWindow = 0
	cfg.Output.BatchTimeout = time.Millisecond
	cfg.RED.WriterID = "test"
	return cfg
}

func start(t *testing.T, options ...option) *running {
	t.Helper()
	return startWith(t, componenttest.NewNopHost(), options...)
}

func startWith(t *testing.T, host component.Host, options ...option) *running {
	t.Helper()
	return startIn(t, host, []string{"traces", "metrics", "logs"}, options...)
}

// startAlone starts a receiver that is in one pipeline.
func startAlone(t *testing.T, signal string) *running {
	t.Helper()
	return startIn(t, componenttest.NewNopHost(), []string{signal})
}

func startIn(t testing.TB, host component.Host, pipelines []string, options ...option) *running {
	t.Helper()
	r := &running{signals: map[string]component.Component{}, own: sdkmetric.NewManualReader()}
	cfg := quick()
	set := receivertest.NewNopSettings(componentType)
	core, logs := observer.New(zap.InfoLevel)
	r.logs = logs
	set.Logger = zap.New(core)
	set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.own))
	r.out = outlet{
		traces:  func(context.Context, ptrace.Traces) error { return nil },
		metrics: func(context.Context, pmetric.Metrics) error { return nil },
		logs:    func(context.Context, plog.Logs) error { return nil },
	}
	for _, o := range options {
		o(cfg, &set, &r.out)
	}
	for _, pipeline := range pipelines {
		r.create(t, set, cfg, pipeline)
	}
	for _, s := range r.signals {
		require.NoError(t, s.Start(t.Context(), host))
	}
	r.otlpReceiver = r.signals[pipelines[0]].(*signal).shared.receiver
	t.Cleanup(r.shutdown)
	return r
}

func (r *running) create(t testing.TB, set receiver.Settings, cfg *Config, pipeline string) {
	t.Helper()
	factory := NewFactory()
	switch pipeline {
	case "traces":
		next, err := consumer.NewTraces(r.out.traces)
		require.NoError(t, err)
		r.signals[pipeline], err = factory.CreateTraces(t.Context(), set, cfg, next)
		require.NoError(t, err)
	case "metrics":
		next, err := consumer.NewMetrics(r.out.metrics)
		require.NoError(t, err)
		r.signals[pipeline], err = factory.CreateMetrics(t.Context(), set, cfg, next)
		require.NoError(t, err)
	case "logs":
		next, err := consumer.NewLogs(r.out.logs)
		require.NoError(t, err)
		r.signals[pipeline], err = factory.CreateLogs(t.Context(), set, cfg, next)
		require.NoError(t, err)
	}
}

// shutdown stops the receiver as a Collector does; once is enough.
func (r *running) shutdown() {
	for _, s := range r.signals {
		if err := s.Shutdown(context.Background()); err != nil {
			panic(err)
		}
	}
}

// dial connects to the receiver's gRPC endpoint.
func (r *running) dial(t testing.TB, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient(r.grpc.listener.Addr().String(), options...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// answer is what an HTTP client got.
type answer struct {
	code   int
	header http.Header
	body   []byte
}

// post sends a body over HTTP.
func (r *running) post(t *testing.T, path, contentType, encoding string, body []byte) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.http.listener.Addr().String()+path, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	return do(t, request)
}

func do(t *testing.T, request *http.Request) answer {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, body}
}

// figure returns the sum of an own metric's values that have all the attributes, given as pairs.
func (r *running) figure(t *testing.T, name string, attributes ...string) int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, r.own.Collect(t.Context(), &all))
	var sum int64
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == name {
				sum += sumOf(m.Data, attributes)
			}
		}
	}
	return sum
}

// await returns when an own metric has the value, and fails the test if it has not soon: a gRPC client may have its answer
// before the handler returns.
func (r *running) await(t *testing.T, want int64, name string, attributes ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for r.figure(t, name, attributes...) != want {
		require.NoError(t, ctx.Err(), "%s is %d, want %d", name, r.figure(t, name, attributes...), want)
		runtime.Gosched()
	}
}

func (r *running) awaitNothingInFlight(t *testing.T) {
	t.Helper()
	r.await(t, 0, "otelcol_otlp_slo_memory", "use", "in_flight")
}

// inFlight returns the bytes that are reserved for requests being received.
func (r *running) inFlight(t *testing.T) int64 {
	return r.figure(t, "otelcol_otlp_slo_memory", "use", "in_flight")
}

func sumOf(data metricdata.Aggregation, attributes []string) int64 {
	var points []metricdata.DataPoint[int64]
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		points = data.DataPoints
	case metricdata.Gauge[int64]:
		points = data.DataPoints
	}
	var sum int64
next:
	for _, point := range points {
		for i := 0; i < len(attributes); i += 2 {
			for _, a := range point.Attributes.ToSlice() {
				if string(a.Key) == attributes[i] && a.Value.AsString() != attributes[i+1] {
					continue next
				}
			}
		}
		sum += point.Value
	}
	return sum
}

// traceOf returns a trace of one service: spans of a millisecond, the first one without a parent.
func traceOf(id byte, spans int, failed bool) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	all := rs.ScopeSpans().AppendEmpty().Spans()
	now := time.Now()
	for i := range spans {
		s := all.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{id, 1})
		s.SetSpanID(pcommon.SpanID{id, byte(i + 1)})
		if i > 0 {
			s.SetParentSpanID(pcommon.SpanID{id, 1})
		}
		s.SetName("GET /cart")
		s.SetKind(ptrace.SpanKindServer)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Millisecond)))
		if failed {
			s.Status().SetCode(ptrace.StatusCodeError)
		}
	}
	return td
}

func protoOf(t testing.TB, td ptrace.Traces) []byte {
	t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	return body
}

func metricsOf(points int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("queue.length")
	all := m.SetEmptyGauge().DataPoints()
	for range points {
		all.AppendEmpty().SetIntValue(7)
	}
	return md
}

func logsOf(records int) plog.Logs {
	ld := plog.NewLogs()
	all := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range records {
		all.AppendEmpty().Body().SetStr("paid")
	}
	return ld
}

// send sends a trace in one of the ways there are.
type send func(t *testing.T, r *running, td ptrace.Traces)

func sendGRPC(t *testing.T, r *running, td ptrace.Traces) {
	response, err := ptraceotlp.NewGRPCClient(r.dial(t)).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td))
	require.NoError(t, err)
	require.Zero(t, response.PartialSuccess().RejectedSpans())
}

func sendHTTPProto(t *testing.T, r *running, td ptrace.Traces) {
	got := r.post(t, "/v1/traces", protobufType, "", protoOf(t, td))
	require.Equal(t, http.StatusOK, got.code)
	require.Equal(t, protobufType, got.header.Get("Content-Type"))
	require.Empty(t, got.body)
}

func sendHTTPJSON(t *testing.T, r *running, td ptrace.Traces) {
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalJSON()
	require.NoError(t, err)
	got := r.post(t, "/v1/traces", jsonType, "", body)
	require.Equal(t, http.StatusOK, got.code)
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	require.JSONEq(t, "{}", string(got.body))
}

func TestKeptTracesAndMetricsOfAllSpansComeOutWhicheverWayTheyCame(t *testing.T) {
	for name, send := range map[string]send{"gRPC": sendGRPC, "HTTP protobuf": sendHTTPProto, "HTTP JSON": sendHTTPJSON} {
		t.Run(name, func(t *testing.T) {
			kept := make(chan ptrace.Traces, 10)
			var mu sync.Mutex
			var calls int64
			r := start(t,
				withConfig(func(c *Config) { c.Sampling.Policies = nil }),
				withOutlet(func(o *outlet) {
					o.traces = func(_ context.Context, td ptrace.Traces) error { kept <- td; return nil }
					o.metrics = func(_ context.Context, md pmetric.Metrics) error {
						mu.Lock()
						defer mu.Unlock()
						calls = max(calls, callsOf(md))
						return nil
					}
				}))
			failed := traceOf(1, 3, true)
			send(t, r, failed)
			send(t, r, traceOf(2, 2, false))

			got := <-kept
			require.Equal(t, 3, got.SpanCount())
			span := got.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			want := failed.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			require.Equal(t, want.TraceID(), span.TraceID())
			require.Equal(t, want.Name(), span.Name())
			require.Equal(t, int64(5), r.figure(t, "otelcol_receiver_accepted_spans"))

			r.shutdown()
			require.EqualValues(t, 5, calls, "the last flush has all spans, kept or not")
			require.Empty(t, kept)
		})
	}
}

// callsOf sums the calls of a flush.
func callsOf(md pmetric.Metrics) int64 {
	var sum int64
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Name() != "traces.span.metrics.calls" {
					continue
				}
				for _, p := range m.Sum().DataPoints().All() {
					sum += p.IntValue()
				}
			}
		}
	}
	return sum
}

func TestMetricsAndLogsArePassedOn(t *testing.T) {
	var mu sync.Mutex
	var points, records int
	r := start(t, withOutlet(func(o *outlet) {
		o.metrics = func(_ context.Context, md pmetric.Metrics) error {
			mu.Lock()
			defer mu.Unlock()
			points += md.DataPointCount()
			return nil
		}
		o.logs = func(_ context.Context, ld plog.Logs) error {
			mu.Lock()
			defer mu.Unlock()
			records += ld.LogRecordCount()
			return nil
		}
	}))
	metrics, logs := pmetricotlp.NewExportRequestFromMetrics(metricsOf(2)), plogotlp.NewExportRequestFromLogs(logsOf(3))

	conn := r.dial(t)
	_, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), metrics)
	require.NoError(t, err)
	_, err = plogotlp.NewGRPCClient(conn).Export(t.Context(), logs)
	require.NoError(t, err)
	for path, in := range map[string]message{"/v1/metrics": metrics, "/v1/logs": logs} {
		body, err := in.MarshalProto()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, r.post(t, path, protobufType, "", body).code)
		body, err = in.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, r.post(t, path, jsonType, "", body).code)
	}
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, 3*2, points)
	require.Equal(t, 3*3, records)
	require.EqualValues(t, 2, r.figure(t, "otelcol_receiver_accepted_metric_points", "transport", "grpc"))
	require.EqualValues(t, 6, r.figure(t, "otelcol_receiver_accepted_log_records", "transport", "http"))
	require.Zero(t, r.inFlight(t), "nothing is reserved when nothing is being received")
}

func TestEmptyRequestsAreAccepted(t *testing.T) {
	r := start(t)
	for _, path := range httpPaths {
		require.Equal(t, answer{code: 200, body: []byte{}}, r.post(t, path, protobufType, "", nil).withoutHeader())
		require.Equal(t, answer{code: 200, body: []byte("{}")}, r.post(t, path, jsonType, "", []byte("{}")).withoutHeader())
	}
	conn := r.dial(t)
	_, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequest())
	require.NoError(t, err)
	_, err = plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequest())
	require.NoError(t, err)
	_, err = pmetricotlp.NewGRPCClient(conn).Export(t.Context(), pmetricotlp.NewExportRequest())
	require.NoError(t, err)
}

func (a answer) withoutHeader() answer { a.header = nil; return a }

func startBenchmark(b *testing.B) *running {
	return startIn(b, componenttest.NewNopHost(), []string{"traces", "metrics"}, withConfig(func(c *Config) { c.Memory.LimitMiB = 1024 }))
}
