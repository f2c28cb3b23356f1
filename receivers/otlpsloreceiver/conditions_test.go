package otlpsloreceiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

func TestAWrongConditionIsRefusedWithItsPath(t *testing.T) {
	_, err := parse(t, `
protocols: {grpc: {endpoint: "127.0.0.1:0"}}
receive_timeout: 0s
sampling:
  policies:
    - {name: all, type: always_sample}
    - {name: asked, type: ottl_condition, ottl_condition: {error_mode: ignore, span: [name == "a", nme == "b"]}}
`)
	require.ErrorContains(t, err, `sampling: policies[1].ottl_condition.span[1] must be an OTTL condition (got "nme == \"b\"")`)
	require.ErrorContains(t, err, "receive_timeout must be a positive duration (got 0s)")
}

func TestConditionsThatFailAreCountedByPolicy(t *testing.T) {
	const metric = "otelcol_processor_tail_sampling_sampling_policy_evaluation_error"
	r := start(t, withConfig(func(c *Config) {
		// An hour: what is counted is counted when a span arrives.
		c.Sampling.DecisionWait = time.Hour
		c.Sampling.Policies = []sampling.PolicyConfig{
			{Name: "fails", Type: "ottl_condition", OTTLCondition: &sampling.OTTLConditionConfig{
				ErrorMode: "propagate", Span: []string{`ParseJSON(name) == nil`},
			}},
			{Name: "sound", Type: "ottl_condition", OTTLCondition: &sampling.OTTLConditionConfig{
				ErrorMode: "propagate", Span: []string{`name == nil`},
			}},
		}
	}))
	sendGRPC(t, r, traceOf(1, 3, false))
	require.Equal(t, int64(3), r.figure(t, metric, "policy", "fails"))
	require.Equal(t, int64(0), r.figure(t, metric, "policy", "sound"))
}
