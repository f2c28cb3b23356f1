//go:build integration

package integration

import (
	"cmp"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// jaegerSpan is what Jaeger must tell of a span; times are in microseconds, as it has them.
type jaegerSpan struct {
	traceID, spanID, parentID string
	service, name, kind       string
	start, duration           int64
	isError                   bool
	events                    int
}

// searchedMax is how many kept spans are searched for traces that were not even recorded: a search answers with whole traces,
// and each trace is found once for every service in it.
const searchedMax = 1_000

// A Jaeger that gets a gateway's kept traces has those that the truth says, and no others, span by span as recorded.
func TestJaegerHasTheKeptTraces(t *testing.T) {
	for _, d := range datasets(t) {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			data := read(t, d)
			tds, err := data.rec.Decode()
			require.NoError(t, err)
			recorded, from, to := recordedSpans(tds)

			jaeger := harness.StartJaeger(t)
			g := newTruthGateway(data.red.Bounds)
			g.traces = jaeger.OTLP()
			g.start(t)
			play(t, data.rec, "grpc://"+g.grpc, 0)
			g.collector.StopWithin(20 * time.Second)

			kept, spans := map[string]bool{}, 0
			for id, trace := range data.traces {
				if !trace.KeptBy(thresholdMS) {
					continue
				}
				name, want := hex.EncodeToString(id[:]), recorded[id]
				require.Len(t, want, trace.Spans)
				kept[name] = true
				spans += len(want)
				var got []jaegerSpan
				harness.Wait(t, 60*time.Second, "Jaeger has all of trace "+name, func() bool {
					got = toldSpans(t, jaeger.Trace(name))
					return len(got) >= len(want)
				})
				require.Equal(t, want, got, name)
			}
			for id := range data.traces { // Jaeger has worked off its queue by now
				if name := hex.EncodeToString(id[:]); !kept[name] {
					require.Empty(t, toldSpans(t, jaeger.Trace(name)), name)
				}
			}
			require.NotEmpty(t, kept)
			if spans <= searchedMax {
				require.Equal(t, slices.Sorted(maps.Keys(kept)), tracesIn(jaeger, from, to))
			}
			t.Logf("%d of %d traces are in Jaeger, %d spans", len(kept), len(data.traces), spans)
			jaeger.Crash() // how it ends is not what is tested
		})
	}
}

// recordedSpans returns a recording's spans as Jaeger must tell them, and the times between which they start.
func recordedSpans(tds []ptrace.Traces) (spans map[truth.TraceID][]jaegerSpan, from, to time.Time) {
	spans = map[truth.TraceID][]jaegerSpan{}
	for _, td := range tds {
		for _, rs := range td.ResourceSpans().All() {
			service, _ := rs.Resource().Attributes().Get("service.name")
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					start, end := s.StartTimestamp().AsTime(), s.EndTimestamp().AsTime()
					if from.IsZero() || start.Before(from) {
						from = start
					}
					if start.After(to) {
						to = start
					}
					spans[s.TraceID()] = append(spans[s.TraceID()], jaegerSpan{
						traceID: s.TraceID().String(), spanID: s.SpanID().String(), parentID: s.ParentSpanID().String(),
						service: service.AsString(), name: s.Name(), kind: strings.ToLower(s.Kind().String()),
						start: start.UnixMicro(), duration: end.Sub(start).Microseconds(),
						isError: s.Status().Code() == ptrace.StatusCodeError, events: s.Events().Len(),
					})
				}
			}
		}
	}
	for _, trace := range spans {
		slices.SortFunc(trace, compareSpans)
	}
	return spans, from, to
}

// toldSpans reads what Jaeger tells of spans.
func toldSpans(t *testing.T, told []harness.JaegerSpan) []jaegerSpan {
	t.Helper()
	var out []jaegerSpan
	for _, s := range told {
		span := jaegerSpan{
			traceID: padded(s.TraceID), spanID: s.SpanID, service: s.Service, name: s.OperationName,
			start: s.StartTime, duration: s.Duration, isError: s.Tag("error") == true, events: len(s.Logs),
		}
		span.kind, _ = s.Tag("span.kind").(string)
		for _, r := range s.References {
			if r.RefType == "CHILD_OF" {
				require.Equal(t, s.TraceID, r.TraceID)
				span.parentID = r.SpanID
			}
		}
		out = append(out, span)
	}
	slices.SortFunc(out, compareSpans)
	return out
}

func compareSpans(a, b jaegerSpan) int {
	return cmp.Or(cmp.Compare(a.spanID, b.spanID), cmp.Compare(a.start, b.start), cmp.Compare(a.name, b.name))
}

// padded is a trace id with the zeros that Jaeger leaves out.
func padded(id string) string { return strings.Repeat("0", 32-len(id)) + id }

// tracesIn returns the ids of all traces that Jaeger finds, sorted.
func tracesIn(jaeger *harness.Jaeger, from, to time.Time) []string {
	ids := map[string]bool{}
	for _, service := range jaeger.Services() {
		for _, span := range jaeger.Find(service, from.Add(-time.Second), to.Add(time.Second)) {
			ids[padded(span.TraceID)] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}
