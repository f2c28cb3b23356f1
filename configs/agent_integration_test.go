//go:build integration

package configs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/dataset"
	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/replay"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// Spans of a trace come to the agent in many requests, and leave it for one gateway: each trace is whole at one of the two,
// and what both have counted adds up to the truth.
func TestTheAgentBringsEachTraceToOneGateway(t *testing.T) {
	all := []dataset.Dataset{dataset.Fixture()}
	if !testing.Short() {
		var err error
		all, err = dataset.All(harness.Root(t))
		require.NoError(t, err)
	}
	for _, d := range all {
		t.Run(d.Name, func(t *testing.T) {
			red, err := d.RED()
			require.NoError(t, err)
			traces, err := d.Traces()
			require.NoError(t, err)
			c := newCluster(t, red.Bounds...)
			a := c.startAgent(t)
			playCut(t, d, a.grpc)
			a.StopWithin(30 * time.Second)
			for _, g := range c.gateways {
				g.StopWithin(30 * time.Second)
			}

			kept := c.whole(t)
			sampling, err := traces.Check(kept, -1) // an extent above -1 ms: each trace must be there, whole
			require.NoError(t, err)
			require.Len(t, kept, sampling.MustKept)
			sum := truth.NewRED(red.Bounds)
			for _, g := range c.gateways {
				counted, err := g.remote.RED(red.Bounds)
				require.NoError(t, err)
				require.NotZero(t, counted.Calls())
				sum.Add(counted.Plain(), 1)
			}
			require.NoError(t, red.Diff(sum, 1e-9))
		})
	}
}

// A gateway that is gone and back at its address has lost nothing of what was sent meanwhile; one that has left the
// service gets nothing more.
func TestTheAgentWaitsForAGatewayAndForgetsOne(t *testing.T) {
	t.Parallel()
	d := dataset.Fixture()
	traces, err := d.Traces()
	require.NoError(t, err)
	c := newCluster(t)
	a := c.startAgent(t)
	c.gateways[1].Crash()
	playCut(t, d, a.grpc)
	harness.Wait(t, 60*time.Second, "traces reach the gateway that is there", func() bool { return c.gateways[0].otlp.Spans() > 0 })
	c.gateways[1] = startGateway(t, c.gateways[1].address, nil)
	harness.Wait(t, 60*time.Second, "all spans arrive", func() bool {
		return int(c.gateways[0].otlp.Stats().Distinct+c.gateways[1].otlp.Stats().Distinct) >= traces.Spans()
	})
	_, err = traces.Check(c.whole(t), -1)
	require.NoError(t, err)

	c.announce(t, "127.0.0.1")
	harness.Wait(t, 60*time.Second, "the agent hears of it", func() bool { return a.Sum("otelcol_loadbalancer_num_backends") == 1 })
	before := c.gateways[1].otlp.Spans()
	playCut(t, d, a.grpc)
	a.StopWithin(20 * time.Second)
	for _, g := range c.gateways {
		g.StopWithin(20 * time.Second)
	}
	require.Equal(t, before, c.gateways[1].otlp.Spans())
	_, err = traces.Check(c.gateways[0].otlp.Kept(), -1)
	require.NoError(t, err, "the second time all traces came to the one that was left")
}

// whole returns the traces of both gateways, and fails the test where they share one, or one of them has none.
func (c *cluster) whole(t *testing.T) truth.Kept {
	t.Helper()
	kept := truth.Kept{}
	for _, g := range c.gateways {
		of := g.otlp.Kept()
		require.NotEmpty(t, of)
		require.Zero(t, g.otlp.Stats().Duplicates)
		for id, spans := range of {
			require.Zero(t, kept[id], "trace %x is at both gateways", id)
			kept[id] = spans
		}
	}
	return kept
}

// playCut sends a dataset, each of its requests cut in two: first the spans at even places, then the others.
func playCut(t *testing.T, d dataset.Dataset, to string) {
	t.Helper()
	rec, err := d.Recording()
	require.NoError(t, err)
	tds, err := rec.Decode()
	require.NoError(t, err)
	var cut []ptrace.Traces
	for _, td := range tds {
		for half := range 2 {
			if part := everySecond(td, half); part.SpanCount() > 0 {
				cut = append(cut, part)
			}
		}
	}
	requireCutTraces(t, cut)
	rec, err = replay.FromTraces(cut)
	require.NoError(t, err)
	result, err := replay.Send(t.Context(), rec, harness.Sender(t, "grpc://"+to, ""), replay.Options{Retry: true, Workers: 4})
	require.NoError(t, err)
	require.NoError(t, result.Err(rec))
}

func everySecond(td ptrace.Traces, first int) ptrace.Traces {
	part := ptrace.NewTraces()
	td.CopyTo(part)
	n := 0
	for _, rs := range part.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			ss.Spans().RemoveIf(func(ptrace.Span) bool {
				n++
				return n%2 == first
			})
		}
	}
	return part
}

// requireCutTraces fails the test unless most traces have spans in several requests.
func requireCutTraces(t *testing.T, tds []ptrace.Traces) {
	t.Helper()
	requests := map[truth.TraceID]map[int]bool{}
	for i, td := range tds {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if requests[span.TraceID()] == nil {
						requests[span.TraceID()] = map[int]bool{}
					}
					requests[span.TraceID()][i] = true
				}
			}
		}
	}
	several := 0
	for _, in := range requests {
		if len(in) > 1 {
			several++
		}
	}
	require.Greater(t, 2*several, len(requests))
}
