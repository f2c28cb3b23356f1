//go:build integration

package integration

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/replay"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// exemplarShareMin is the least share of the series with kept traces that must have an exemplar.
const exemplarShareMin = 0.9

// Traffic of now, decided and flushed many times while it arrives, and a share of all traces kept beside errors and slow ones.
func TestExemplarsLeadToKeptTraces(t *testing.T) {
	for _, d := range datasets(t) {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			data := read(t, d)
			tds, err := data.rec.Decode()
			require.NoError(t, err)
			replay.ShiftTraces(tds, time.Since(time.Unix(0, lastEnd(tds))))
			shifted, err := replay.FromTraces(tds)
			require.NoError(t, err)
			for i := range shifted.Requests {
				shifted.Requests[i].At = data.rec.Requests[i].At
			}

			prometheus := harness.StartPrometheus(t)
			g := newTruthGateway(data.red.Bounds)
			g.remoteWrite = prometheus.RemoteWriteURL()
			g.extraPolicies = "        - {name: share, type: probabilistic, probabilistic: {sampling_percentage: 10}}"
			g.start(t)
			play(t, shifted, "grpc://"+g.grpc, speedFor(shifted, 6*time.Second))
			g.collector.StopWithin(20 * time.Second)

			kept := g.otlp.Kept()
			sampling, err := data.traces.Check(kept, thresholdMS)
			require.NoError(t, err)
			t.Logf("%d of %d errors and slow traces and %d of %d others kept",
				sampling.MustKept, sampling.Must, sampling.OrdinaryKept, sampling.Ordinary)
			want := seriesOf(tds, kept)
			for _, name := range redMetrics[:2] {
				have := exemplarSeries(t, prometheus, name, kept)
				n := 0
				for s := range want {
					if have[s] {
						n++
					}
				}
				t.Logf("%s: %d of %d series with kept traces have an exemplar", name, n, len(want))
				require.GreaterOrEqual(t, float64(n), exemplarShareMin*float64(len(want)))
			}
		})
	}
}

// lastEnd is the end of the span that ends last, Unix nanoseconds.
func lastEnd(tds []ptrace.Traces) int64 {
	last := pcommon.Timestamp(0)
	eachSpan(tds, func(_ string, s ptrace.Span) { last = max(last, s.EndTimestamp()) })
	return int64(last)
}

func eachSpan(tds []ptrace.Traces, f func(service string, s ptrace.Span)) {
	for _, td := range tds {
		for _, rs := range td.ResourceSpans().All() {
			service, _ := rs.Resource().Attributes().Get("service.name")
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					f(service.AsString(), s)
				}
			}
		}
	}
}

// seriesOf returns the series of all spans of kept traces.
func seriesOf(tds []ptrace.Traces, kept truth.Kept) map[truth.Series]bool {
	out := map[truth.Series]bool{}
	eachSpan(tds, func(service string, s ptrace.Span) {
		if kept[truth.TraceID(s.TraceID())] > 0 {
			out[truth.Series{
				Service: service, Operation: s.Name(),
				Kind: strings.ToUpper(s.Kind().String()), Status: strings.ToUpper(s.Status().Code().String()),
			}] = true
		}
	})
	return out
}

// exemplarSeries returns the series that have exemplars, and fails the test where one leads to a trace that was not kept.
func exemplarSeries(t *testing.T, p *harness.Prometheus, name string, kept truth.Kept) map[truth.Series]bool {
	t.Helper()
	have := map[truth.Series]bool{}
	for _, s := range p.QueryExemplars(name, time.Unix(0, 0), time.Now()) {
		for _, e := range s.Exemplars {
			var id truth.TraceID
			n, err := hex.Decode(id[:], []byte(e.Labels["trace_id"]))
			require.NoError(t, err)
			require.Len(t, id, n)
			require.NotZero(t, kept[id], "exemplar of %v leads to %x, which was not kept", s.Labels, id)
			have[sink.REDSeries(s.Labels)] = true
		}
	}
	return have
}
