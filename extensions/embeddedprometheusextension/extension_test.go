package embeddedprometheusextension

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parse reads the block of an extension as the Collector does.
func parse(t *testing.T, text string) (*Config, error) {
	t.Helper()
	var raw map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &raw))
	cfg := NewFactory().CreateDefaultConfig()
	if err := confmap.NewFromStringMap(raw).Unmarshal(&cfg); err != nil {
		return nil, err
	}
	return cfg.(*Config), confmap.Validate(cfg)
}

func TestTheConfigurationIsRead(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(NewFactory().CreateDefaultConfig()))
	cfg, err := parse(t, "{}")
	require.NoError(t, err)
	require.Equal(t, "localhost:9090", cfg.HTTP.NetAddr.Endpoint)
	require.Equal(t, 24*time.Hour, cfg.Prometheus.RetentionTime)
	cfg, err = parse(t, "{http: {endpoint: '127.0.0.1:0'}, directory: /tmp/x, retention_time: 2h, series_max: 7}")
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:0", cfg.HTTP.NetAddr.Endpoint)
	require.Equal(t, "/tmp/x", cfg.Prometheus.Directory)
	require.Equal(t, 7, cfg.Prometheus.SeriesMax)
	_, err = parse(t, "{series_max: 0}")
	require.ErrorContains(t, err, "series_max must be at least 1 (got 0)")
	_, err = parse(t, "{serie_max: 1}")
	require.ErrorContains(t, err, "serie_max")
}

// started returns a running extension and a reader of its own metrics.
func started(t *testing.T, endpoint string) (*prometheusExtension, *sdkmetric.ManualReader, error) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.HTTP.NetAddr.Endpoint, cfg.Prometheus.Directory = endpoint, filepath.Join(t.TempDir(), "made", "by", "it")
	set := extensiontest.NewNopSettings(componentType)
	own := sdkmetric.NewManualReader()
	set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(own))
	e, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e.(*prometheusExtension), own, e.Start(t.Context(), componenttest.NewNopHost())
}

func TestItTakesStoresAndAnswers(t *testing.T) {
	e, own, err := started(t, "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + e.listener.Addr().String()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	api, err := remoteapi.NewAPI(url, remoteapi.WithAPIHTTPClient(client), remoteapi.WithAPIPath("api/v1/write"))
	require.NoError(t, err)
	_, err = api.Write(t.Context(), remoteapi.WriteV1MessageType, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels: []prompb.Label{{Name: "__name__", Value: "up"}}, Samples: []prompb.Sample{{Value: 1, Timestamp: time.Now().UnixMilli()}},
	}}})
	require.NoError(t, err)
	resp, err := client.Get(url + "/api/v1/query?query=up")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, string(body), `"__name__":"up"`)

	var rm metricdata.ResourceMetrics
	require.NoError(t, own.Collect(t.Context(), &rm))
	require.Equal(t, int64(1), gauge(t, rm, "otelcol_embedded_prometheus_series"))
	require.Equal(t, int64(100_000), gauge(t, rm, "otelcol_embedded_prometheus_series_limit"))
	require.Positive(t, gauge(t, rm, "otelcol_embedded_prometheus_storage"))
}

func gauge(t *testing.T, rm metricdata.ResourceMetrics, name string) int64 {
	t.Helper()
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if m.Name == name {
				return m.Data.(metricdata.Gauge[int64]).DataPoints[0].Value
			}
		}
	}
	require.Fail(t, "no "+name)
	return 0
}

func TestATakenPortIsToldBeforeAnythingIsMade(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	e, _, err := started(t, taken.Addr().String())
	require.ErrorContains(t, err, `cannot listen on endpoint "`+taken.Addr().String()+`"`)
	require.ErrorContains(t, err, "address already in use")
	require.NoDirExists(t, e.cfg.Prometheus.Directory)
}

func TestAnExtensionThatNeverStartedStops(t *testing.T) {
	e, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(componentType), createDefaultConfig())
	require.NoError(t, err)
	require.NoError(t, e.Shutdown(t.Context()))
}
