package tailsamplingprocessor

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otelcol-slo/otelcol-slo/internal/spanpipe"
)

// startOf starts a processor of a configuration, as the Collector does for each pipeline that the processor is in.
func startOf(t *testing.T, cfg component.Config) *tailSampling {
	t.Helper()
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(componentType), cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, p.Start(context.Background(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.Background())) })
	return p.(*tailSampling)
}

func TestProcessorsOfOneIDInTwoPipelinesAnswerAtOneEndpoint(t *testing.T) {
	cfg := mustParse(t, `{decision_wait: 1h, memory: {limit_mib: 64}, debug: {http: {endpoint: "127.0.0.1:0"}}, policies: [{name: all, type: always_sample}]}`)
	a, b := startOf(t, cfg), startOf(t, cfg)
	address := a.debug.server.Addr().String()
	require.Same(t, a.debug, b.debug)
	require.NoError(t, a.ConsumeTraces(t.Context(), trace(1, 1, false)))
	require.NoError(t, b.ConsumeTraces(t.Context(), trace(2, 1, false)))
	require.Contains(t, ask(t, address, idOf(trace(1, 1, false))), `"state": "undecided"`)
	require.Contains(t, ask(t, address, idOf(trace(2, 1, false))), `"state": "undecided"`)
	require.Contains(t, ask(t, address, idOf(trace(3, 1, false))), `"state": "unknown"`)

	require.NoError(t, a.Shutdown(t.Context()))
	require.Contains(t, ask(t, address, idOf(trace(1, 1, false))), `"state": "unknown"`)
	require.Contains(t, ask(t, address, idOf(trace(2, 1, false))), `"state": "undecided"`)
	require.NoError(t, b.Shutdown(t.Context()))
	_, err := net.Dial("tcp", address)
	require.Error(t, err, "closed with the last")

	again := startOf(t, cfg) // as after a reload
	require.Contains(t, ask(t, again.debug.server.Addr().String(), idOf(trace(1, 1, false))), `"state": "unknown"`)
}

func TestOfTwoThatKnowATraceTheOneWhereMostCameOfItTells(t *testing.T) {
	kept, undecided, dropped, unknown := &spanpipe.Why{State: "kept"}, &spanpipe.Why{State: "undecided"}, &spanpipe.Why{State: "dropped"}, &spanpipe.Why{State: "unknown"}
	require.True(t, tellsMore(kept, undecided))
	require.True(t, tellsMore(undecided, dropped))
	require.True(t, tellsMore(dropped, unknown))
	require.False(t, tellsMore(unknown, kept))
	require.False(t, tellsMore(kept, kept))
}
