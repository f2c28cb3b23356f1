package otlpsloreceiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

// parse reads the block of a receiver as the Collector does.
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

func TestTheFactoryIsWellFormed(t *testing.T) {
	factory := NewFactory()
	require.Equal(t, component.MustNewType("otlp_slo"), factory.Type())
	require.NoError(t, componenttest.CheckConfigStruct(factory.CreateDefaultConfig()))
}

func TestDefaultsAreThoseOfTheStockReceiverAndFinite(t *testing.T) {
	cfg, err := parse(t, "protocols: {grpc: , http: }")
	require.NoError(t, err)
	grpc, http := cfg.Protocols.GRPC.Get(), cfg.Protocols.HTTP.Get()
	require.Equal(t, "localhost:4317", grpc.NetAddr.Endpoint)
	require.Equal(t, 4, grpc.MaxRecvMsgSizeMiB)
	require.EqualValues(t, 128, grpc.MaxConcurrentStreams)
	require.Equal(t, 256<<10, grpc.ReadBufferSize)
	require.Equal(t, "localhost:4318", http.NetAddr.Endpoint)
	require.EqualValues(t, 20<<20, http.MaxRequestBodySize)
	require.Positive(t, http.ReadHeaderTimeout)
	require.False(t, http.TLS.HasValue())
	require.Equal(t, 30*time.Second, cfg.ReceiveTimeout)
	require.Equal(t, 20*time.Second, cfg.ShutdownTimeout)
}

func TestAProtocolThatIsNotNamedIsOff(t *testing.T) {
	cfg, err := parse(t, "protocols: {http: {endpoint: '127.0.0.1:0'}}")
	require.NoError(t, err)
	require.False(t, cfg.Protocols.GRPC.HasValue())
	require.Equal(t, "127.0.0.1:0", cfg.Protocols.HTTP.Get().NetAddr.Endpoint)
}

func TestEveryBlockIsRead(t *testing.T) {
	cfg, err := parse(t, `
protocols: {grpc: {endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 16}}
receive_timeout: 5s
shutdown_timeout: 7s
memory: {limit_mib: 512}
sampling: {decision_wait: 3s, policies: [{name: all, type: always_sample}]}
output: {queue_mib: 32, senders: 4}
red: {metrics_flush_interval: 5s, dimensions: [{name: http.route}]}
slo: {slos: [{name: a, service: checkout, objective: 99.9, errors: {}}]}
coverage: {open_after: 2m}
`)
	require.NoError(t, err)
	require.Equal(t, 16, cfg.Protocols.GRPC.Get().MaxRecvMsgSizeMiB)
	require.Equal(t, 5*time.Second, cfg.ReceiveTimeout)
	require.Equal(t, 7*time.Second, cfg.ShutdownTimeout)
	engine := cfg.engine()
	require.EqualValues(t, 512, engine.Memory.LimitMiB)
	require.Equal(t, 3*time.Second, engine.Sampling.DecisionWait)
	require.Len(t, engine.Sampling.Policies, 1)
	require.EqualValues(t, 32, engine.Output.QueueMiB)
	require.Equal(t, 4, engine.Output.Senders)
	require.Equal(t, 5*time.Second, engine.RED.MetricsFlushInterval)
	require.Len(t, engine.RED.Dimensions, 1)
	require.Len(t, engine.SLO.SLOs, 1)
	require.Equal(t, 2*time.Minute, engine.Coverage.OpenAfter)
}

func TestMistakesAreToldAllAtOnceWithPathRuleAndValue(t *testing.T) {
	_, err := parse(t, `
receive_timeout: 0s
shutdown_timeout: -1s
memory: {limit_mib: 3}
sampling: {decision_wait: -1s}
output: {senders: 0}
red: {metrics_flush_interval: 0s}
slo: {slos: [{name: a}]}
`)
	for _, want := range []string{
		"protocols must have grpc, http or both (got none)",
		"receive_timeout must be a positive duration (got 0s)",
		"shutdown_timeout must be a positive duration (got -1s)",
		"memory: limit_mib must be 0 or at least 64 (got 3)",
		"sampling: decision_wait must be above 0s (got -1s)",
		"output: senders must be at least 1 (got 0)",
		"red: metrics_flush_interval must be above 0s (got 0s)",
		"slo: slos[0].service",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestUnknownKeysAreRefused(t *testing.T) {
	for text, key := range map[string]string{
		"{protocols: {grpc: {}}, sampler: {}}":                         "sampler",
		"{protocols: {grpc: {endpont: x}}}":                            "endpont",
		"{protocols: {thrift: {}}}":                                    "thrift",
		"{protocols: {grpc: {}}, sampling: {num_traces: 5}}":           "num_traces",
		"{protocols: {grpc: {}}, memory: {limit: 5}}":                  "limit",
		"{protocols: {grpc: {}}, slo: {slos: [{name: a, colour: b}]}}": "colour",
	} {
		_, err := parse(t, text)
		require.ErrorContains(t, err, key, "%s", text)
	}
}
