package tracestoreexporter

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheConfigurationIsRead(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(NewFactory().CreateDefaultConfig()))
	parse := func(raw map[string]any) (*Config, error) {
		cfg := NewFactory().CreateDefaultConfig()
		if err := confmap.NewFromStringMap(raw).Unmarshal(&cfg); err != nil {
			return nil, err
		}
		return cfg.(*Config), confmap.Validate(cfg)
	}
	cfg, err := parse(map[string]any{"size_mib": 7})
	require.NoError(t, err)
	require.EqualValues(t, 7, cfg.SizeMiB)
	require.Equal(t, "localhost:3200", cfg.HTTP.NetAddr.Endpoint)
	_, err = parse(map[string]any{"size_mib": 0})
	require.ErrorContains(t, err, "size_mib must be at least 1 (got 0)")
	_, err = parse(map[string]any{"size": 1})
	require.ErrorContains(t, err, "size")
}

func TestATraceThatWasTakenIsServed(t *testing.T) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	endpoint := probe.Addr().String()
	cfg := createDefaultConfig().(*Config)
	cfg.HTTP.NetAddr.Endpoint = endpoint
	set := exportertest.NewNopSettings(componentType)
	own := sdkmetric.NewManualReader()
	set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(own))

	taken, err := NewFactory().CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	err = taken.Start(t.Context(), componenttest.NewNopHost())
	require.ErrorContains(t, err, `cannot listen on endpoint "`+endpoint+`"`)
	require.NoError(t, probe.Close())

	e, err := NewFactory().CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{15: 1})
	span.SetName("GET /cart")
	require.NoError(t, e.ConsumeTraces(t.Context(), td))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + endpoint + "/api/traces/1")
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, string(body), "GET /cart")

	var rm metricdata.ResourceMetrics
	require.NoError(t, own.Collect(t.Context(), &rm))
	found := false
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if m.Name == "otelcol_trace_store_traces" {
				found = m.Data.(metricdata.Gauge[int64]).DataPoints[0].Value == 1
			}
		}
	}
	require.True(t, found)
	require.NoError(t, e.Shutdown(context.Background()))
}
