package prometheusremotewriteexporter

import (
	"context"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.yaml.in/yaml/v3"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite/translate"
)

func readme(t *testing.T) string {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(text)
}

func TestTheReadmesExamplesAreValid(t *testing.T) {
	blocks := strings.Split(readme(t), "```yaml\n")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		var raw struct {
			Exporters map[string]map[string]any
		}
		require.NoError(t, yaml.Unmarshal([]byte(text), &raw))
		config := NewFactory().CreateDefaultConfig()
		require.NoError(t, confmap.NewFromStringMap(raw.Exporters["prometheus_remote_write"]).Unmarshal(config))
		require.NoError(t, confmap.Validate(config))
	}
}

func TestTheReadmeHasEveryKey(t *testing.T) {
	text := readme(t)
	var check func(typ reflect.Type, path string)
	check = func(typ reflect.Type, path string) {
		for field := range typ.Fields() {
			name, squash := strings.CutSuffix(field.Tag.Get("mapstructure"), ",squash")
			if squash {
				check(field.Type, path)
				continue
			}
			key := path + name
			if field := field.Type; field.Kind() == reflect.Struct && key != "http" {
				check(field, key+".")
			} else {
				assert.Contains(t, text, "`"+key+"`")
			}
		}
	}
	check(reflect.TypeFor[Config](), "")
}

func TestTheReadmeHasEveryMetricAndReason(t *testing.T) {
	text := readme(t)
	h := newHarness(t, nil)
	kinds := remotewrite.Counts{Samples: 1, Histograms: 1, Exemplars: 1}
	h.telemetry.arrived(kinds)
	h.telemetry.written(kinds)
	dropped := translate.Dropped{}
	for reason := range dropped {
		dropped[reason] = 1
		assert.Contains(t, text, "`"+translate.Reason(reason).String()+"`")
	}
	h.telemetry.queued(1, &dropped)
	for _, why := range remotewrite.Losses() {
		h.telemetry.lost(kinds, why)
		assert.Contains(t, text, "`"+string(why)+"`")
	}
	add(h.telemetry.sentPoints, 1, h.telemetry.id)
	add(h.telemetry.failedPoints, 1, h.telemetry.id)
	add(h.telemetry.enqueueFailedPoints, 1, h.telemetry.id)
	add(h.telemetry.requests, 1, h.telemetry.id)
	add(h.telemetry.retries, 1, h.telemetry.id)
	var all metricdata.ResourceMetrics
	require.NoError(t, h.metrics.Collect(context.Background(), &all))
	require.Len(t, all.ScopeMetrics, 1)
	assert.Len(t, all.ScopeMetrics[0].Metrics, 22)
	for _, m := range all.ScopeMetrics[0].Metrics {
		short := "…" + strings.TrimPrefix(m.Name, strings.TrimSuffix(prefix, "_"))
		assert.True(t, strings.Contains(text, "`"+m.Name+"`") || strings.Contains(text, "`"+short+"`"), m.Name)
	}
	require.NoError(t, h.Shutdown(context.Background()))
}
