package red

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// load reads a `red:` block over the defaults, as a component's configuration is read.
func load(t *testing.T, block string) Config {
	t.Helper()
	var raw map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(block), &raw))
	cfg := DefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(raw).Unmarshal(&cfg))
	return cfg
}

func TestDefaultConfigIsValid(t *testing.T) {
	cfg := DefaultConfig()
	require.NoError(t, cfg.Validate())
	assert.Equal(t, cfg, load(t, "{}"))
}

func TestBlockOfSpanMetricsIsUnderstood(t *testing.T) {
	cfg := load(t, `
namespace: span.metrics
histogram:
  unit: s
  dimensions: [{name: url.scheme, default: https}]
  explicit: {buckets: [100us, 1ms, 250ms]}
dimensions:
  - {name: http.method, default: GET}
  - name: http.status_code
calls_dimensions: [{name: http.url}]
exemplars: {enabled: true, max_per_data_point: 2}
exclude_dimensions: [status.code]
aggregation_temporality: AGGREGATION_TEMPORALITY_CUMULATIVE
metrics_flush_interval: 30s
metrics_expiration: 5m
series_expiration: 6m
resource_metrics_key_attributes: [service.name, telemetry.sdk.language]
aggregation_cardinality_limit: 1000
writer_id: gateway-7
`)
	require.NoError(t, cfg.Validate())
	get, https := "GET", "https"
	want := Config{
		Namespace: "span.metrics",
		Histogram: HistogramConfig{
			Unit: "s", Dimensions: []Dimension{{Name: "url.scheme", Default: &https}},
			Explicit: &ExplicitConfig{Buckets: []time.Duration{100 * time.Microsecond, time.Millisecond, 250 * time.Millisecond}},
		},
		Dimensions:                   []Dimension{{Name: "http.method", Default: &get}, {Name: "http.status_code"}},
		CallsDimensions:              []Dimension{{Name: "http.url"}},
		Exemplars:                    ExemplarsConfig{Enabled: true, MaxPerDataPoint: 2},
		ExcludeDimensions:            []string{"status.code"},
		AggregationTemporality:       TemporalityCumulative,
		MetricsFlushInterval:         30 * time.Second,
		MetricsExpiration:            5 * time.Minute,
		SeriesExpiration:             6 * time.Minute,
		ResourceMetricsKeyAttributes: []string{"service.name", "telemetry.sdk.language"},
		AggregationCardinalityLimit:  1000,
		WriterID:                     "gateway-7",
	}
	assert.Equal(t, want, cfg)

	exponential := load(t, `histogram: {exponential: {}}`)
	require.NoError(t, exponential.Validate())
	assert.Equal(t, int32(160), exponential.Histogram.maxSize())
}

func TestMistakesAreReportedWithKeyRuleAndValue(t *testing.T) {
	for _, c := range []struct{ block, want string }{
		{
			`aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA`,
			`aggregation_temporality must be AGGREGATION_TEMPORALITY_CUMULATIVE (got "AGGREGATION_TEMPORALITY_DELTA"): put a cumulativetodelta`,
		},
		{`metrics_flush_interval: 0s`, `metrics_flush_interval must be above 0s (got 0s)`},
		{`series_expiration: -1s`, `series_expiration must be at least 0s (got -1s)`},
		{`metrics_expiration: -1s`, `metrics_expiration must be at least 0s (got -1s)`},
		{`aggregation_cardinality_limit: 0`, `aggregation_cardinality_limit must be 1 to 10000000 (got 0)`},
		{`exemplars: {max_per_data_point: 0}`, `exemplars.max_per_data_point must be 1 to 100 (got 0)`},
		{`histogram: {unit: us}`, `histogram.unit must be "ms" or "s" (got "us")`},
		{`histogram: {explicit: {buckets: [1ms]}, exponential: {}}`, `histogram must have explicit or exponential, not both`},
		{`histogram: {exponential: {max_size: 4}}`, `histogram.exponential.max_size must be 8 to 16384 (got 4)`},
		{`histogram: {explicit: {buckets: [0s, 1ms]}}`, `histogram.explicit.buckets[0] must be above 0s (got 0s)`},
		{`histogram: {explicit: {buckets: [2ms, 2ms]}}`, `histogram.explicit.buckets[1] must be above the bound before it, 2ms (got 2ms)`},
		{`exclude_dimensions: [http.route]`, `exclude_dimensions[0] must be service.name, span.name, span.kind or status.code (got "http.route")`},
		{`exclude_dimensions: [collector.instance.id]`, `exclude_dimensions[0] must not be "collector.instance.id": the writer's id is`},
		{`resource_metrics_key_attributes: [service.name, service.instance.id]`, `resource_metrics_key_attributes[1] must not be "service.instance.id"`},
		{`resource_metrics_key_attributes: [k8s.pod.name, k8s.pod.name]`, `resource_metrics_key_attributes[1] must be listed once (got "k8s.pod.name"`},
		{`{resource_metrics_key_attributes: [a], dimensions: [{name: a}]}`, `dimensions[0].name must be listed once (got "a", which resource_metrics_key_attributes[0] has too)`},
		{`{dimensions: [{name: a}], calls_dimensions: [{name: a}]}`, `calls_dimensions[0].name must be listed once`},
		{`{dimensions: [{name: a}], histogram: {dimensions: [{name: a}]}}`, `histogram.dimensions[0].name must be listed once`},
		{`dimensions: [{default: x}]`, `dimensions[0].name must be the key of an attribute (got "")`},
		{`dimensions: [{name: span.name}]`, `dimensions[0].name must not be "span.name", which is on every series`},
		{`dimensions: [{name: deployment.environment.name}]`, `dimensions[0].name must not be "deployment.environment.name"`},
		{`dimensions: [{name: instance}]`, `dimensions[0].name must not be "instance"`},
		{`dimensions: [{glob: "k8s.*"}]`, `dimensions[0].glob of span_metrics is not supported here (got "k8s.*")`},
		{`dimensions: [{name: a, label: b}]`, `dimensions[0].label is not a key of this block`},
		{`dimensions_cache_size: 1000`, `dimensions_cache_size of span_metrics is not supported here: aggregation_cardinality_limit`},
		{`resource_metrics_cache_size: 1`, `resource_metrics_cache_size of span_metrics`},
		{`metric_timestamp_cache_size: 1`, `metric_timestamp_cache_size of span_metrics`},
		{`events: {enabled: true}`, `events of span_metrics is not supported here: span events are not counted`},
		{`include_instrumentation_scope: [express]`, `include_instrumentation_scope of span_metrics`},
		{`add_resource_attributes: true`, `add_resource_attributes of span_metrics`},
		{`enable_metrics_sampling_method: true`, `enable_metrics_sampling_method of span_metrics`},
		{`dimension: []`, `dimension is not a key of this block: remove it`},
	} {
		t.Run(c.want, func(t *testing.T) {
			cfg := load(t, c.block)
			err := cfg.Validate()
			require.Error(t, err)
			assert.True(t, strings.HasPrefix(err.Error(), c.want), "%v", err)
			assert.NotContains(t, err.Error(), "\n", "one mistake, one message")
			_, err = New(cfg, Options{WriterID: "w"}, &spanview.Schema{})
			assert.Error(t, err)
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	cfg := load(t, `{metrics_flush_interval: -1s, histogram: {unit: ""}, dimensions: [{}]}`)
	assert.Len(t, strings.Split(cfg.Validate().Error(), "\n"), 3)
}

func TestNewNeedsAWriterAndRoomInTheSchema(t *testing.T) {
	_, err := New(DefaultConfig(), Options{}, &spanview.Schema{})
	require.ErrorContains(t, err, "writer_id must be set")

	full := &spanview.Schema{}
	for i := range spanview.MaxSlots {
		_, err := full.SpanSlot(strings.Repeat("x", i+1))
		require.NoError(t, err)
	}
	cfg := DefaultConfig()
	cfg.Dimensions = []Dimension{{Name: "http.route"}}
	_, err = New(cfg, Options{WriterID: "w"}, full)
	require.ErrorContains(t, err, `"http.route"`)
}

func TestConfiguredWriterIsPreferred(t *testing.T) {
	cfg := DefaultConfig()
	cfg.WriterID = "configured"
	r := newRig(t, cfg, Options{WriterID: "host"})
	r.observe(t, 0, tracesOf(t, checkout))
	v, _ := r.flush(time.Second).ResourceMetrics().At(0).Resource().Attributes().Get("service.instance.id")
	assert.Equal(t, "configured", v.Str())
}
