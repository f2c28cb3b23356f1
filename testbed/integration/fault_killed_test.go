//go:build integration

package integration

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc/metadata"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

// killedSpan is a span that a test of kills sends: the n-th of a trace, or its root, by a tenant or by none.
type killedSpan struct {
	trace, n     byte
	failed, root bool
	tenant       string
}

func (s killedSpan) appendTo(spans ptrace.SpanSlice) {
	span := spans.AppendEmpty()
	id := pcommon.TraceID{s.trace, 15: 1}
	if s.trace == sampled || s.trace == sampledBefore {
		id[9] = 0xff
	}
	span.SetTraceID(id)
	span.SetSpanID(pcommon.SpanID{s.trace, 7: s.n + 1})
	if !s.root {
		span.SetParentSpanID(pcommon.SpanID{s.trace, 7: 1})
	}
	span.SetName("GET /cart")
	span.SetKind(ptrace.SpanKindServer)
	span.SetStartTimestamp(pcommon.Timestamp(1_700_000_000_000_000_000 + uint64(s.n)))
	span.SetEndTimestamp(span.StartTimestamp() + 1_000_000)
	span.Attributes().PutInt("number", int64(s.n))
	span.Events().AppendEmpty().SetName("an event")
	if s.failed {
		span.Status().SetCode(ptrace.StatusCodeError)
		span.Status().SetMessage("out of stock")
	}
}

// killed is a collector that is killed and started again, and what is behind it.
type killed struct {
	*harness.Collector
	t                               *testing.T
	prefix, config, otlp, telemetry string
	tenants                         bool // who sent a span can be seen of it
	sender                          send.Sender
	sent                            []killedSpan
	expected                        map[string]int

	mu   sync.Mutex // protects came
	came map[string]int
}

func newKilled(t *testing.T, prefix, component string, tenants bool) *killed {
	t.Helper()
	k := &killed{t: t, prefix: prefix, tenants: tenants, otlp: harness.FreeAddress(t), telemetry: harness.FreeAddress(t), came: map[string]int{}}
	behind := harness.OTLPSink(t, sink.OTLPOptions{CountOnly: true, OnTraces: k.take})
	k.config = harness.WriteFile(t, "config.yaml", killedConfig(component, k.otlp, behind.Address(), k.telemetry, t.TempDir()))
	return k
}

// start starts it on the directory of the one before.
func (k *killed) start() {
	k.t.Helper()
	k.Collector = harness.RunCollector(k.t, proc.Options{Args: []string{"--config", k.config}}, k.telemetry, k.otlp)
	k.sender = harness.Sender(k.t, "grpc://"+k.otlp, "")
}

// take notes what the sink is sent.
func (k *killed) take(request []byte) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.came[err.Error()]++
		return
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				k.came[text(rs.Resource(), span)]++
			}
		}
	}
}

// text is all that there is of a span, but for the threshold that sampling writes into its state.
func text(resource pcommon.Resource, span ptrace.Span) string {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	resource.CopyTo(rs.Resource())
	to := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.CopyTo(to)
	to.TraceState().FromRaw("")
	json, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		return err.Error()
	}
	return string(json)
}

// arrived returns how often each span came to the sink so far.
func (k *killed) arrived() map[string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.came)
}

func killedTraces(spans []killedSpan) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	to := rs.ScopeSpans().AppendEmpty().Spans()
	for _, s := range spans {
		s.appendTo(to)
	}
	return td
}

// send sends spans, those of each tenant in a request, until they are accepted.
func (k *killed) send(spans ...killedSpan) {
	k.t.Helper()
	for _, tenant := range []string{"", "a", "b"} {
		of := slices.DeleteFunc(slices.Clone(spans), func(s killedSpan) bool { return s.tenant != tenant })
		if len(of) == 0 {
			continue
		}
		ctx := k.t.Context()
		if tenant != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "x-tenant", tenant)
		}
		body, err := ptraceotlp.NewExportRequestFromTraces(killedTraces(of)).MarshalProto()
		require.NoError(k.t, err)
		outcome, _ := send.Retry(ctx, k.sender, send.Traces, body, nil)
		require.Equal(k.t, send.OK, outcome.Code, outcome.Message)
	}
	k.sent = append(k.sent, spans...)
}

// expect says that all spans of these traces that were sent are to be at the sink once, and no others.
func (k *killed) expect(traces ...byte) {
	k.expected = map[string]int{}
	for _, s := range k.sent {
		if !slices.Contains(traces, s.trace) {
			continue
		}
		rs := killedTraces([]killedSpan{s}).ResourceSpans().At(0)
		span := rs.ScopeSpans().At(0).Spans().At(0)
		if k.tenants && s.tenant != "" {
			span.Attributes().PutStr("tenant", s.tenant)
		}
		k.expected[text(rs.Resource(), span)]++
	}
}

func (k *killed) wait(what string, holds func() bool) {
	k.t.Helper()
	harness.Wait(k.t, time.Minute, what, holds)
}

// delivered waits until what is expected went out and that is on the disk.
func (k *killed) delivered() {
	k.t.Helper()
	k.wait("all of it is delivered", func() bool {
		return int(k.Sum(k.prefix+"spans", "outcome", "delivered")+k.Sum(k.prefix+"spans", "outcome", "late_delivered")) == len(k.expected)
	})
	k.wait("that is written down", func() bool { return k.Sum(k.prefix+"held_spans", "state", "queued") == 0 })
	require.Equal(k.t, k.expected, k.arrived())
}

// decided returns how many traces this process decided.
func (k *killed) decided(keep bool) float64 {
	k.t.Helper()
	return k.Sum("otelcol_processor_tail_sampling_global_count_traces_sampled", "sampled", map[bool]string{false: "false", true: "true"}[keep])
}
