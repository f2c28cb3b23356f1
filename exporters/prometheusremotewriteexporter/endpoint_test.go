package prometheusremotewriteexporter

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// received is one request as an endpoint got it.
type received struct {
	at      time.Time
	header  http.Header
	message string   // "1.0" or "2.0"
	series  []string // name{labels} value@timestamp, in the order of the message
}

// endpoint is a Remote-Write receiver that remembers what it got and answers as it is told.
type endpoint struct {
	// answer is called for each request, the first being 0. Headers may be set on w before the status is returned; 0: it wrote the answer itself.
	// nil: 204 with the Written headers of 2.0.
	answer func(n int, r *received, w http.ResponseWriter) int

	mu       sync.Mutex
	requests []received
}

func (e *endpoint) all() []received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]received(nil), e.requests...)
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	got := received{at: time.Now(), header: r.Header, message: "1.0"}
	if strings.Contains(r.Header.Get("Content-Type"), "io.prometheus.write.v2.Request") {
		got.message = "2.0"
	}
	if got.series, err = decode(got.message, body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e.mu.Lock()
	n := len(e.requests)
	e.requests = append(e.requests, got)
	e.mu.Unlock()
	if e.answer == nil {
		accept(n, &got, w)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	status := e.answer(n, &got, w)
	if status != 0 {
		w.WriteHeader(status)
	}
	if status/100 != 2 {
		fmt.Fprintf(w, "status %d", status)
	}
}

// accept answers as a receiver of either protocol does.
func accept(_ int, r *received, w http.ResponseWriter) int {
	if r.message == "2.0" {
		w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", fmt.Sprint(len(r.series)))
	}
	return http.StatusNoContent
}

// fail answers the first requests with the statuses, and takes the rest.
func fail(statuses ...int) func(int, *received, http.ResponseWriter) int {
	return func(n int, r *received, w http.ResponseWriter) int {
		if n < len(statuses) {
			return statuses[n]
		}
		return accept(n, r, w)
	}
}

func decode(message string, compressed []byte) ([]string, error) {
	body, err := s2.Decode(nil, compressed)
	if err != nil {
		return nil, err
	}
	var out []string
	b := labels.NewScratchBuilder(0)
	if message == "2.0" {
		var req writev2.Request
		if err := req.Unmarshal(body); err != nil {
			return nil, err
		}
		for _, ts := range req.Timeseries {
			ls, err := ts.ToLabels(&b, req.Symbols)
			if err != nil {
				return nil, err
			}
			for _, s := range ts.Samples {
				out = append(out, fmt.Sprintf("%s %v@%d", ls, s.Value, s.Timestamp))
			}
		}
		return out, nil
	}
	var req prompb.WriteRequest
	if err := req.Unmarshal(body); err != nil {
		return nil, err
	}
	for _, ts := range req.Timeseries {
		ls := ts.ToLabels(&b, nil)
		for _, s := range ts.Samples {
			out = append(out, fmt.Sprintf("%s %v@%d", ls, s.Value, s.Timestamp))
		}
	}
	return out, nil
}

// harness is an exporter with its own telemetry and log in view.
type harness struct {
	*metricsExporter
	metrics *sdkmetric.ManualReader
	logs    *observer.ObservedLogs
	t       testing.TB
}

func newHarness(t testing.TB, change func(*Config)) *harness {
	t.Helper()
	config := createDefaultConfig().(*Config)
	config.HTTP.Endpoint = "http://endpoint/api/v1/write"
	config.TargetInfo.Enabled = false
	config.Queue.NumConsumers = 1
	config.Queue.BatchSendDeadline = 0
	if change != nil {
		change(config)
	}
	if config.Queue.NumConsumers > 1 {
		config.Queue.MinConsumers = config.Queue.NumConsumers // they are what the tests are about
	}
	h := &harness{metrics: sdkmetric.NewManualReader(), t: t}
	core, logs := observer.New(zap.DebugLevel)
	h.logs = logs
	set := settings()
	set.Logger = zap.New(core)
	set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(h.metrics))
	var err error
	h.metricsExporter, err = newMetricsExporter(set, config)
	require.NoError(t, err)
	return h
}

func settings() exporter.Settings {
	set := exportertest.NewNopSettings(componentType)
	set.ID = component.NewIDWithName(componentType, "test")
	set.BuildInfo.Command, set.BuildInfo.Version = "otelcol-slo", "1.2.3"
	return set
}

// overNetwork starts the exporter against an endpoint on the loopback interface, through its own Start.
func (h *harness) overNetwork(e http.Handler) {
	h.t.Helper()
	server := httptest.NewServer(e)
	h.t.Cleanup(server.Close)
	h.config.HTTP.Endpoint = server.URL
	require.NoError(h.t, h.Start(context.Background(), componenttest.NewNopHost()))
}

// overPipes starts the senders against an endpoint behind in-memory connections, which time in a synctest bubble waits for.
func (h *harness) overPipes(e http.Handler) {
	h.t.Helper()
	listener := &pipeListener{connections: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: e}
	go func() { _ = server.Serve(listener) }()
	transport := &http.Transport{DialContext: listener.dial}
	h.t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})
	require.NoError(h.t, h.startSenders(&http.Client{Transport: transport, Timeout: h.config.HTTP.Timeout}))
}

// hurry has the next Shutdown wait for nothing.
func (h *harness) hurry() { h.endLife() }

type pipeListener struct {
	connections chan net.Conn
	closed      chan struct{}
	once        sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.connections <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.connections:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// values returns the exporter's metrics: name{attributes but the exporter's} -> value.
func (h *harness) values() map[string]int64 {
	h.t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(h.t, h.metrics.Collect(context.Background(), &all))
	out := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			var points []metricdata.DataPoint[int64]
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				points = data.DataPoints
			case metricdata.Gauge[int64]:
				points = data.DataPoints
			}
			for _, p := range points {
				var attributes []string
				for _, kv := range p.Attributes.ToSlice() {
					if kv.Key != "exporter" && kv.Key != "data_type" {
						attributes = append(attributes, fmt.Sprintf("%s=%s", kv.Key, kv.Value.AsString()))
					}
				}
				key := strings.TrimPrefix(strings.TrimPrefix(m.Name, prefix), "otelcol_exporter_")
				if len(attributes) > 0 {
					key += "{" + strings.Join(attributes, ",") + "}"
				}
				out[key] = p.Value
			}
		}
	}
	return out
}

// counters returns metrics with n counters of one point each at a time in milliseconds, of value.
func counters(n int, at int64, value float64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("c")
	m.SetEmptySum().SetIsMonotonic(true)
	m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for i := range n {
		p := m.Sum().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.Timestamp(at * 1e6))
		p.SetDoubleValue(value)
		p.Attributes().PutStr("i", fmt.Sprint(i))
	}
	return md
}
