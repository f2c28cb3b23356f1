//go:build integration

package integration

import (
	"bytes"
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/dataset"
	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/replay"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// Every span is sent when it ended. The calls of some traces time out: all other spans of such a trace have been sent and its
// drop has been decided when its CLIENT span ends as an error.
func TestTracesWithTimeoutsComeOutWhole(t *testing.T) {
	const speed = 30
	data := read(t, dataset.Fixture())
	tds, err := data.rec.Decode()
	require.NoError(t, err)
	g := newTruthGateway(data.red.Bounds)
	timeOut(t, g, tds, 5, 6*time.Second, speed)
}

// The same at its true pace, with the gateway's default waits.
func TestTracesWithTimeoutsOfHalfAMinuteComeOutWhole(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than half a minute")
	}
	t.Parallel()
	data := read(t, dataset.Fixture())
	tds, err := data.rec.Decode()
	require.NoError(t, err)
	first := firstTraces(truthOf(data.red.Bounds, tds).Traces, 20)
	g := newTruthGateway(data.red.Bounds)
	g.decisionWait, g.rescueWindow = 10*time.Second, 30*time.Second
	timeOut(t, g, tracesWhere(tds, func(id truth.TraceID) bool { return first[id] }), 2, 30*time.Second, 1)
}

// firstTraces returns the n traces that start first.
func firstTraces(traces truth.Traces, n int) map[truth.TraceID]bool {
	var ids []truth.TraceID
	for id := range traces {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b truth.TraceID) int {
		return cmp.Or(cmp.Compare(traces[a].Start, traces[b].Start), bytes.Compare(a[:], b[:]))
	})
	first := map[truth.TraceID]bool{}
	for _, id := range ids[:n] {
		first[id] = true
	}
	return first
}

// timeOut lets a call of every n-th trace time out, so long after the end of its trace that it is sent that much later, and
// checks what comes out.
func timeOut(t *testing.T, g *gateway, tds []ptrace.Traces, n int, later time.Duration, speed float64) {
	t.Helper()
	before := truthOf(g.bounds, tds).Traces
	late := replay.TimeOut(tds, n, time.Duration(float64(later)*speed))
	want := truthOf(g.bounds, tds)
	rec, err := replay.WhenEnded(tds, time.Duration(float64(5*time.Millisecond)*speed))
	require.NoError(t, err)
	rescued := 0
	for id := range late {
		if !before[id].KeptBy(thresholdMS) {
			rescued++
		}
	}
	require.NotZero(t, rescued)

	g.start(t)
	play(t, rec, "grpc://"+g.grpc, speed)
	harness.Wait(t, 5*time.Second, "all are rescued whole", func() bool {
		return g.collector.Sum("otelcol_otlp_slo_rescued_traces", "completeness", "whole") == float64(rescued)
	})
	require.Zero(t, g.collector.Sum("otelcol_otlp_slo_rescued_traces", "completeness", "partial"))
	g.collector.StopWithin(20 * time.Second)
	t.Logf("%d traces timed out after their drop was decided", rescued)
	checkKept(t, want.Traces, g)
	got, err := g.remote.RED(g.bounds)
	require.NoError(t, err)
	require.NoError(t, want.RED.Diff(got, sumTolerance))
}
