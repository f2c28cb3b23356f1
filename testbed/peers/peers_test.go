package peers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func testJob() Job {
	return Job{
		Endpoints: Endpoints{
			GRPC: "127.0.0.1:1", Telemetry: "127.0.0.1:2", Pprof: "127.0.0.1:3", SinkOTLP: "127.0.0.1:4", SinkRemoteWrite: "http://127.0.0.1:5/w",
		},
		DecisionWait: 10 * time.Second, FlushInterval: 15 * time.Second, Bounds: []time.Duration{5 * time.Millisecond, time.Second},
		Shards: 2, NumTraces: 1000, MemoryMiB: 512, RescueWindow: 30 * time.Second,
	}
}

func TestBothArmsGetTheSameJob(t *testing.T) {
	contrib, err := ContribConfig(testJob())
	require.NoError(t, err)
	ours, err := OursConfig(testJob())
	require.NoError(t, err)
	var c, o map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(contrib), &c))
	require.NoError(t, yaml.Unmarshal([]byte(ours), &o))

	assert.Equal(t, at(t, c, "processors", "tail_sampling", "policies"), at(t, o, "receivers", "otlp_slo", "sampling", "policies"))
	assert.Equal(t, at(t, c, "processors", "tail_sampling", "decision_wait"), at(t, o, "receivers", "otlp_slo", "sampling", "decision_wait"))
	assert.Equal(t, at(t, c, "connectors", "span_metrics"), at(t, o, "receivers", "otlp_slo", "red"))
	assert.Equal(t, at(t, c, "service", "telemetry"), at(t, o, "service", "telemetry"))
	for _, key := range []string{"endpoint", "compression", "tls"} {
		assert.Equal(t, at(t, c, "exporters", "otlp_grpc", key), at(t, o, "exporters", "otlp_grpc", key))
	}
	assert.Equal(t, at(t, c, "exporters", "prometheus_remote_write"), at(t, o, "exporters", "prometheus_remote_write"))
	assert.Equal(t, []any{"5ms", "1s"}, at(t, c, "connectors", "span_metrics", "histogram", "explicit", "buckets"))
	assert.Equal(t, 2, at(t, c, "service", "telemetry", "metrics", "readers").([]any)[0].(map[string]any)["pull"].(map[string]any)["exporter"].(map[string]any)["prometheus"].(map[string]any)["port"])
}

func at(t *testing.T, m map[string]any, path ...string) any {
	var v any = m
	for _, key := range path {
		next, ok := v.(map[string]any)
		require.True(t, ok, "%v has no %q", path, key)
		v, ok = next[key]
		require.True(t, ok, "%v has no %q", path, key)
	}
	return v
}

func testRemoteWriteJob(change func(*RemoteWriteJob)) RemoteWriteJob {
	j := RemoteWriteJob{Endpoints: testJob().Endpoints, Message: RemoteWrite2}
	change(&j)
	return j
}

func TestRemoteWriteConfigSaysOnlyWhatTheArmIs(t *testing.T) {
	read := func(change func(*RemoteWriteJob)) map[string]any {
		text, err := RemoteWriteConfig(testRemoteWriteJob(change))
		require.NoError(t, err)
		var c map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(text), &c))
		return c
	}
	memory := read(func(*RemoteWriteJob) {})
	assert.Equal(t, map[string]any{"endpoint": "http://127.0.0.1:5/w", "protobuf_message": RemoteWrite2}, at(t, memory, "exporters", "prometheus_remote_write"))
	assert.Equal(t, []any{"prometheus_remote_write"}, at(t, memory, "service", "pipelines", "metrics", "exporters"))

	durable := read(func(j *RemoteWriteJob) { j.WALDirectory = "/wal" })
	assert.Equal(t, map[string]any{"directory": "/wal"}, at(t, durable, "exporters", "prometheus_remote_write", "wal"))

	nop := read(func(j *RemoteWriteJob) { j.Nop = true })
	assert.Equal(t, map[string]any{"nop": nil}, at(t, nop, "exporters"))
	assert.Equal(t, []any{"nop"}, at(t, nop, "service", "pipelines", "metrics", "exporters"))
	assert.Equal(t, at(t, memory, "receivers"), at(t, nop, "receivers"))
}

func TestPrometheusAgentSendsToTheSink(t *testing.T) {
	job := testRemoteWriteJob(func(j *RemoteWriteJob) { j.WALDirectory = "/wal" })
	text, err := PrometheusConfig(job)
	require.NoError(t, err)
	var c map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &c))
	assert.Equal(t, []any{map[string]any{"url": "http://127.0.0.1:5/w", "protobuf_message": RemoteWrite2}}, at(t, c, "remote_write"))
	assert.Contains(t, PrometheusArgs(job, "c.yaml"), "--storage.agent.path=/wal")
}
