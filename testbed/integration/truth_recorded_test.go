//go:build integration

package integration

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/dataset"
	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/replay"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// sumTolerance is how much a sum of durations may differ from the truth, relative to it.
const sumTolerance = 1e-9

// recorded is a dataset, read.
type recorded struct {
	red    *truth.RED
	traces truth.Traces
	rec    *replay.Recording // protobuf
}

func read(t *testing.T, d dataset.Dataset) recorded {
	t.Helper()
	red, err := d.RED()
	require.NoError(t, err)
	traces, err := d.Traces()
	require.NoError(t, err)
	rec, err := d.Recording()
	require.NoError(t, err)
	rec, err = rec.Protobuf()
	require.NoError(t, err)
	return recorded{red: red, traces: traces, rec: rec}
}

// datasets returns the fixture and the recordings that lie beside the repository; with -short the fixture alone.
func datasets(t *testing.T) []dataset.Dataset {
	t.Helper()
	if testing.Short() {
		return []dataset.Dataset{dataset.Fixture()}
	}
	all, err := dataset.All(harness.Root(t))
	require.NoError(t, err)
	return all
}

// speedFor is the speed at which a recording takes this long.
func speedFor(rec *replay.Recording, takes time.Duration) float64 {
	first, last := rec.Requests[0].At, rec.Last()
	return float64(last-first) / float64(takes)
}

// play sends a recording at a speed, with the recorded gaps whole, or, at speed 0, as fast as possible with several requests
// under way. It fails the test unless all of it is accepted.
func play(t *testing.T, rec *replay.Recording, to string, speed float64) {
	t.Helper()
	o := replay.Options{Speed: speed, MaxGap: math.MaxInt64, Retry: true}
	if speed == 0 {
		o.Workers = 4
	}
	result, err := replay.Send(t.Context(), rec, harness.Sender(t, to, ""), o)
	require.NoError(t, err)
	require.NoError(t, result.Err(rec))
}

// tracesWhere returns the spans whose trace ids a condition selects, request by request.
func tracesWhere(tds []ptrace.Traces, selects func(truth.TraceID) bool) []ptrace.Traces {
	var out []ptrace.Traces
	for _, td := range tds {
		part := ptrace.NewTraces()
		td.CopyTo(part)
		part.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
			rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
				ss.Spans().RemoveIf(func(s ptrace.Span) bool { return !selects(s.TraceID()) })
				return ss.Spans().Len() == 0
			})
			return rs.ScopeSpans().Len() == 0
		})
		if part.SpanCount() > 0 {
			out = append(out, part)
		}
	}
	return out
}

// truthOf computes the truth of spans at hand.
func truthOf(bounds []time.Duration, tds []ptrace.Traces) *truth.Builder {
	b := truth.NewBuilder(bounds)
	for _, td := range tds {
		b.Add(td)
	}
	return b
}

// newTruthGateway returns a gateway of the truth tests: all that a test does not vary.
func newTruthGateway(bounds []time.Duration) *gateway {
	return &gateway{
		bounds: bounds, thresholdMS: thresholdMS, decisionWait: 2 * time.Second, rescueWindow: 10 * time.Second,
		flush: 500 * time.Millisecond, memoryMiB: 512,
	}
}

// checkKept fails the test unless the sinks together have exactly the traces to be kept, each with all its spans, none twice.
func checkKept(t *testing.T, traces truth.Traces, gateways ...*gateway) {
	t.Helper()
	kept := truth.Kept{}
	for _, g := range gateways {
		for id, spans := range g.otlp.Kept() {
			kept[id] += spans
		}
		require.Zero(t, g.otlp.Stats().Duplicates)
	}
	sampling, err := traces.Check(kept, thresholdMS)
	require.NoError(t, err)
	require.Zero(t, sampling.OrdinaryKept)
	require.NotZero(t, sampling.MustKept)
	t.Logf("%d of %d traces kept, %d spans sent", sampling.MustKept, len(traces), traces.Spans())
}
