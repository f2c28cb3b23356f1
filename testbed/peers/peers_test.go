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

func read(t *testing.T, config func(Job) (string, error), job Job) (c map[string]any) {
	t.Helper()
	text, err := config(job)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal([]byte(text), &c))
	return c
}

func TestTwelvePoliciesOfMixedKindsInEveryArm(t *testing.T) {
	policies := at(t, read(t, ContribConfig, testJob()), "processors", "tail_sampling", "policies").([]any)
	require.Len(t, policies, 12)
	types := map[any]bool{}
	for _, p := range policies {
		types[p.(map[string]any)["type"]] = true
	}
	require.Len(t, types, 11)
	limited := policies[10].(map[string]any)
	require.Equal(t, LimitedSpans, at(t, limited, "rate_limiting", "spans_per_second"))

	job := testJob()
	for _, job.Ours = range []bool{false, true} {
		require.Equal(t, policies, at(t, read(t, DoorConfig, job), "processors", "tail_sampling", "policies"))
	}
}

func TestTheDoorsDifferInOurOwnKeysAlone(t *testing.T) {
	job := testJob()
	contrib := read(t, DoorConfig, job)
	job.Ours, job.Compression = true, "s2"
	ours := read(t, DoorConfig, job)
	sampling := at(t, ours, "processors", "tail_sampling").(map[string]any)
	require.Equal(t, "s2", sampling["compression"])
	for _, key := range []string{"memory", "rescue_window", "compression"} {
		require.Contains(t, sampling, key)
		delete(sampling, key)
	}
	require.Equal(t, contrib, ours)
	require.Equal(t, map[string]any{"traces": map[string]any{
		"receivers": []any{"otlp"}, "processors": []any{"tail_sampling"}, "exporters": []any{"otlp_grpc"},
	}}, at(t, ours, "service", "pipelines"))
}

func TestCompressionIsSaidWhereItIsAskedFor(t *testing.T) {
	job := testJob()
	require.NotContains(t, at(t, read(t, OursConfig, job), "receivers", "otlp_slo", "sampling"), "compression")
	job.Compression = "none"
	require.Equal(t, "none", at(t, read(t, OursConfig, job), "receivers", "otlp_slo", "sampling", "compression"))
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
