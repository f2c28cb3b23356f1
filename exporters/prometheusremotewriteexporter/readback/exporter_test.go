//go:build integration

package readback

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap/zaptest"

	"github.com/otelcol-slo/otelcol-slo/exporters/prometheusremotewriteexporter"
	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
)

// own are the exporter's metrics: name{attributes but the exporter's} -> value.
type own map[string]int64

// running is an exporter as the Collector makes it.
type running struct {
	exporter.Metrics
	reader *sdkmetric.ManualReader
	t      *testing.T
}

func startExporter(t *testing.T, config map[string]any) *running {
	t.Helper()
	factory := prometheusremotewriteexporter.NewFactory()
	settings := exportertest.NewNopSettings(factory.Type())
	settings.Logger = zaptest.NewLogger(t)
	r := &running{reader: sdkmetric.NewManualReader(), t: t}
	settings.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader))
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(config).Unmarshal(cfg))
	var err error
	r.Metrics, err = factory.CreateMetrics(t.Context(), settings, cfg)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	return r
}

// values returns the exporter's metrics.
func (r *running) values() own {
	r.t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(r.t, r.reader.Collect(r.t.Context(), &all))
	out := own{}
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
				key := strings.TrimPrefix(strings.TrimPrefix(m.Name, "otelcol_exporter_"), "prometheusremotewrite_")
				for _, kv := range p.Attributes.ToSlice() {
					if kv.Key != "exporter" && kv.Key != "data_type" {
						key += fmt.Sprintf("{%s=%s}", kv.Key, kv.Value.AsString())
					}
				}
				out[key] = p.Value
			}
		}
	}
	return out
}

// send sends all traffic, the producers side by side, and returns the exporter's metrics when all of it has left. Each
// payload is of two steps, the newer first. A full queue makes its producer wait.
func (t *traffic) send(test *testing.T, n totals, config map[string]any) own {
	test.Helper()
	require.GreaterOrEqual(test, n.samples+n.histograms, t.atLeast)
	r := startExporter(test, config)
	ctx, cancel := context.WithTimeout(test.Context(), 3*time.Minute)
	defer cancel()
	began := time.Now()
	errs := make([]error, t.producers)
	var producing sync.WaitGroup
	for producer := range t.producers {
		producing.Go(func() {
			for step := 0; step < t.steps && errs[producer] == nil; step += 2 {
				md := t.payload(producer, step+1, step)
				errs[producer] = proc.Poll(ctx, func() (bool, error) {
					err := r.ConsumeMetrics(ctx, md)
					if consumererror.IsPermanent(err) {
						return false, err
					}
					return err == nil, nil
				})
			}
		})
	}
	producing.Wait()
	for _, err := range errs {
		require.NoError(test, err)
	}
	test.Logf("%d data points queued after %.1f s", n.points, time.Since(began).Seconds())
	harness.Wait(test, 3*time.Minute, "all has left", func() bool {
		v := r.values()
		return v["sent_metric_points"]+v["send_failed_metric_points"] >= int64(n.points) && v["pending_samples"] == 0
	})
	values := r.values()
	require.NoError(test, r.Shutdown(test.Context()))
	test.Logf("%d data points, %d samples, %d native histograms and %d exemplars sent in %d requests, %.1f s; %d data points had to wait",
		n.points, n.samples, n.histograms, n.exemplars, values["sent_batches"], time.Since(began).Seconds(), values["enqueue_failed_metric_points"])
	return values
}

// checkAccount checks that the exporter says that it delivered everything, and in how many ways nothing failed.
func (values own) checkAccount(t *testing.T, n totals) {
	t.Helper()
	assert.EqualValues(t, n.points, values["sent_metric_points"])
	assert.EqualValues(t, n.samples, values["sent_samples{kind=sample}"])
	assert.EqualValues(t, n.histograms, values["sent_samples{kind=histogram}"])
	assert.EqualValues(t, n.exemplars, values["sent_samples{kind=exemplar}"])
	for key, v := range values {
		if strings.HasPrefix(key, "failed_") || strings.HasPrefix(key, "dropped_") || strings.HasPrefix(key, "send_failed") || key == "retries" {
			assert.Zero(t, v, key)
		}
	}
}
