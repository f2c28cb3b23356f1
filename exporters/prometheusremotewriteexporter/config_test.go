package prometheusremotewriteexporter

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/otlptranslator"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.yaml.in/yaml/v3"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// load reads a configuration as the Collector does: unmarshalled over the defaults, then validated, all of it.
func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	var raw map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &raw))
	config := NewFactory().CreateDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(raw).Unmarshal(config); err != nil {
		return nil, err
	}
	return config, confmap.Validate(config)
}

func TestDefaults(t *testing.T) {
	c, err := load(t, `endpoint: http://prometheus:9090/api/v1/write`)
	require.NoError(t, err)
	assert.Equal(t, "http://prometheus:9090/api/v1/write", c.HTTP.Endpoint)
	assert.Equal(t, 30*time.Second, c.HTTP.Timeout)
	assert.Equal(t, remotewrite.V2, c.ProtobufMessage)
	assert.Equal(t, otlptranslator.UnderscoreEscapingWithSuffixes, c.strategy())
	assert.Equal(t, 5, c.shards())
	assert.Equal(t, 3_000_000, c.maxBatchBytes())
	assert.True(t, c.TargetInfo.Enabled)
	assert.NoError(t, componenttest.CheckConfigStruct(c))
}

func TestConfigurationsOfTheContribExporter(t *testing.T) {
	for name, text := range map[string]string{
		"at the top level": `
endpoint: "https://mimir:8080/api/v1/push"
timeout: 7s
tls: {insecure_skip_verify: true}
headers: {X-Scope-OrgID: "234"}
namespace: test-space
external_labels: {key1: value1, __key2: value2}
remote_write_queue: {enabled: true, queue_size: 2000, num_consumers: 10}
max_batch_size_bytes: 44444444
retry_on_failure: {enabled: true, initial_interval: 10s, max_interval: 60s, max_elapsed_time: 10m, randomization_factor: 0.5, multiplier: 1.5}
resource_to_telemetry_conversion: {enabled: true, exclude_service_attributes: true}
target_info: {enabled: false}
add_metric_suffixes: false
wal: {directory: ./prom_rw, buffer_size: 100, truncate_frequency: 45s, lag_record_frequency: 10s}
include_metadata_keys: [x-team]
keep_classic_histograms: false
send_metadata: true
disable_scope_info: true
protobuf_message: prometheus.WriteRequest
max_batch_request_parallelism: 1
`, "under http": `
http:
  endpoint: "https://mimir:8080/api/v1/push"
  tls: {insecure_skip_verify: true}
  headers: {X-Scope-OrgID: "234"}
timeout: 7s
namespace: test-space
external_labels: {key1: value1, __key2: value2}
remote_write_queue: {enabled: true, queue_size: 2000, num_consumers: 10}
max_batch_size_bytes: 44444444
retry_on_failure: {enabled: true, initial_interval: 10s, max_interval: 60s, max_elapsed_time: 10m, randomization_factor: 0.5, multiplier: 1.5}
resource_to_telemetry_conversion: {enabled: true, exclude_service_attributes: true}
target_info: {enabled: false}
translation_strategy: UnderscoreEscapingWithoutSuffixes
send_metadata: true
disable_scope_info: true
protobuf_message: prometheus.WriteRequest
max_batch_request_parallelism: 1
`,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := load(t, text)
			require.NoError(t, err)
			assert.Equal(t, "https://mimir:8080/api/v1/push", c.HTTP.Endpoint)
			assert.Equal(t, 7*time.Second, c.HTTP.Timeout)
			assert.True(t, c.HTTP.TLS.InsecureSkipVerify)
			tenant, _ := c.HTTP.Headers.Get("X-Scope-OrgID")
			assert.Equal(t, "234", string(tenant))
			assert.Equal(t, 1, c.shards())
			assert.Equal(t, 2000, c.Queue.QueueSize)
			assert.Equal(t, 44444444, c.maxBatchBytes())
			assert.Equal(t, 10*time.Minute, c.MaxRetryAge)
			assert.Equal(t, otlptranslator.UnderscoreEscapingWithoutSuffixes, c.strategy())
			s := c.translation()
			assert.True(t, !s.TargetInfo && !s.ScopeInfo)
			assert.Equal(t, []string{"*"}, s.ConstantLabels.Included)
			assert.Len(t, s.ConstantLabels.Excluded, 3)
			assert.True(t, c.SendMetadata)
		})
	}
}

// What contrib's own configuration allows beside its documented example.
func TestOddConfigurationsOfTheContribExporter(t *testing.T) {
	const endpoint = "endpoint: http://prometheus:9090/api/v1/write\n"
	for _, text := range []string{
		"remote_write_queue: {enabled: false, queue_size: 0}",
		"remote_write_queue: {num_consumers: 0}",
		"max_batch_size_bytes: 100000000",
		`resource_to_telemetry_conversion: {included: ["k8s.*"], excluded: [k8s.pod.uid]}`,
		"resource_constant_labels: {enabled: true, exclude_service_attributes: true}",
	} {
		c, err := load(t, endpoint+text)
		require.NoError(t, err, text)
		require.NoError(t, c.Validate(), text)
	}
	c, err := load(t, endpoint+"resource_constant_labels: {enabled: true, exclude_service_attributes: true}")
	require.NoError(t, err)
	assert.Equal(t, []string{"*"}, c.constantLabels().Included)
	assert.Len(t, c.constantLabels().Excluded, 3)
}

func TestTheAgeOfRetriesDependsOnTheLog(t *testing.T) {
	const endpoint = "endpoint: http://prometheus:9090/api/v1/write\n"
	for text, want := range map[string]time.Duration{
		"":                                    time.Hour,
		"wal: {directory: /tmp}":              24 * time.Hour,
		"wal: {directory: /tmp, max_age: 3h}": 3 * time.Hour,
		"wal: {directory: /tmp, max_age: 0s}": 0,
		"wal: {directory: /tmp}\nretry_on_failure: {max_elapsed_time: 5m}": 5 * time.Minute,
		"max_retry_age: 2m\nretry_on_failure: {max_elapsed_time: 5m}":      2 * time.Minute,
		"wal: {directory: /tmp}\nmax_retry_age: 0s":                        0,
	} {
		c, err := load(t, endpoint+text)
		require.NoError(t, err)
		assert.Equal(t, want, c.MaxRetryAge, text)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	const endpoint = "endpoint: http://prometheus:9090/api/v1/write\n"
	tests := map[string]struct{ text, want string }{
		"no endpoint":             {``, "endpoint must be set, here or as http.endpoint"},
		"no host":                 {`endpoint: prometheus`, `endpoint must have a scheme and a host, such as http://prometheus:9090/api/v1/write (got "prometheus")`},
		"not a URL":               {`endpoint: "http://a b"`, `endpoint must be a URL (got "http://a b")`},
		"two places":              {endpoint + `http: {endpoint: "http://other"}`, "http must not be mixed with settings of the HTTP client at the top level"},
		"wal without a directory": {endpoint + `wal: {max_bytes: 10000000}`, "wal: directory must be set"},
		"a small wal":             {endpoint + `wal: {directory: /tmp, max_bytes: 1000}`, "wal: max_bytes must be at least 1048576 (got 1000)"},
		"a wal without age":       {endpoint + `wal: {directory: /tmp, max_age: -1s}`, "wal: max_age must be at least 0s (got -1s)"},
		"fewest consumers":        {endpoint + `remote_write_queue: {min_consumers: 0}`, "remote_write_queue: min_consumers must be between 1 and 256 (got 0)"},
		"a deadline":              {endpoint + `remote_write_queue: {batch_send_deadline: -5s}`, "batch_send_deadline must be at least 0s (got -5s)"},
		"a negative retry age":    {endpoint + `max_retry_age: -1s`, "max_retry_age must be at least 0s (got -1s)"},
		"reserved metadata":       {endpoint + `include_metadata_keys: [user-agent]`, `include_metadata_keys must not have "user-agent"`},
		"a tenant and a header":   {endpoint + "headers: {x-scope-orgid: a}\ntenant: {resource_attribute: team}", `headers must not set "x-scope-orgid": tenant.header does, remove the one`},
		"a reserved tenant":       {endpoint + `tenant: {resource_attribute: team, header: Content-Type}`, `tenant.header must not have "Content-Type"`},
		"no header":               {endpoint + `include_metadata_keys: ["x scope"]`, `include_metadata_keys must be names of headers (got "x scope")`},
		"the host":                {endpoint + `include_metadata_keys: [host]`, `include_metadata_keys must not have "host"`},
		"no tenant":               {endpoint + `tenant: {resource_attribute: team, header: "", max: 0}`, "tenant: header must be set"},
		"unknown key":             {endpoint + `sending_queue: {}`, "sending_queue"},
		"unknown key in tls":      {endpoint + `tls: {insecur: true}`, "insecur"},
		"unknown key in http":     {`http: {endpont: "http://x"}`, "endpont"},
		"http is no block":        {`http: "http://x"`, "http must be a block of settings"},
		"unknown key below":       {endpoint + `remote_write_queue: {size: 1}`, "size"},
		"compression":             {endpoint + `compression: gzip`, `compression must be snappy (got "gzip")`},
		"reserved header":         {endpoint + `headers: {content-type: x}`, `headers must not set "content-type": the protocol sets it`},
		"reserved User-Agent":     {endpoint + `headers: {USER-AGENT: x}`, `headers must not set "USER-AGENT"`},
		"queue size":              {endpoint + `remote_write_queue: {queue_size: 0}`, "remote_write_queue: queue_size must be at least 1 (got 0)"},
		"consumers":               {endpoint + `remote_write_queue: {num_consumers: 1000}`, "remote_write_queue: num_consumers must be between 1 and 256 (got 1000)"},
		"pending bytes":           {endpoint + `remote_write_queue: {max_pending_bytes: 0}`, "remote_write_queue: max_pending_bytes must be at least 1 (got 0)"},
		"a queue below a batch":   {endpoint + `remote_write_queue: {max_pending_bytes: 1000}`, "remote_write_queue.max_pending_bytes must be at least max_batch_size_bytes, 3000000 (got 1000)"},
		"batch size":              {endpoint + `max_batch_size_bytes: -1`, "max_batch_size_bytes must be at least 0 (got -1)"},
		"parallelism":             {endpoint + `max_batch_request_parallelism: -1`, "max_batch_request_parallelism must be between 0 and 256 (got -1)"},
		"shutdown":                {endpoint + `shutdown_timeout: -1s`, "shutdown_timeout must be at least 0s (got -1s)"},
		"retry":                   {endpoint + `retry_on_failure: {multiplier: -1}`, "retry_on_failure"},
		"message":                 {endpoint + `protobuf_message: v3`, `protobuf_message must be "prometheus.WriteRequest" or "io.prometheus.write.v2.Request" (got "v3")`},
		"strategy":                {endpoint + `translation_strategy: Sideways`, `translation_strategy must be one of`},
		"names that 1.0 can't":    {endpoint + "translation_strategy: NoTranslation\nprotobuf_message: prometheus.WriteRequest", "translation_strategy NoTranslation makes names that Remote-Write 1.0 does not allow"},
		"an empty external label": {endpoint + `external_labels: {a: ""}`, "external_labels.a must not be empty"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tt.text)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestAllErrorsAreReportedAtOnce(t *testing.T) {
	_, err := load(t, `
max_batch_size_bytes: -1
shutdown_timeout: -1s
protobuf_message: v3
remote_write_queue: {queue_size: 0, num_consumers: -1}
external_labels: {a: ""}
`)
	require.Error(t, err)
	for _, want := range []string{"endpoint must be set", "max_batch_size_bytes", "shutdown_timeout", "protobuf_message", "queue_size", "num_consumers", "external_labels.a"} {
		assert.ErrorContains(t, err, want)
	}
}

func TestFactory(t *testing.T) {
	f := NewFactory()
	assert.Equal(t, "prometheus_remote_write", f.Type().String())
	assert.Equal(t, component.StabilityLevelAlpha, f.MetricsStability())
	for _, typ := range []string{"prometheus_remote_write", "prometheusremotewrite"} {
		set := exportertest.NewNopSettings(component.MustNewType(typ))
		config := f.CreateDefaultConfig().(*Config)
		config.HTTP.Endpoint = "http://127.0.0.1:1/api/v1/write"
		e, err := f.CreateMetrics(context.Background(), set, config)
		require.NoError(t, err, typ)
		assert.False(t, e.Capabilities().MutatesData)
		require.NoError(t, e.Shutdown(context.Background()), "before it was started")

		e, err = f.CreateMetrics(context.Background(), set, config)
		require.NoError(t, err, typ)
		require.NoError(t, e.Start(context.Background(), componenttest.NewNopHost()))
		require.NoError(t, e.Shutdown(context.Background()))
	}
	config := f.CreateDefaultConfig().(*Config)
	config.HTTP.TLS.CAFile = "/does/not/exist"
	e, err := f.CreateMetrics(context.Background(), exportertest.NewNopSettings(componentType), config)
	require.NoError(t, err)
	err = e.Start(context.Background(), componenttest.NewNopHost())
	require.Error(t, err)
	assert.True(t, strings.HasPrefix(err.Error(), `cannot create the HTTP client for "prometheus_remote_write`), err.Error())
	require.NoError(t, e.Shutdown(context.Background()))
}
