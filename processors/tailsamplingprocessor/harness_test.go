package tailsamplingprocessor

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parse reads a configuration as the Collector does, over the defaults.
func parse(t testing.TB, yaml string) (*Config, error) {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := conf.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func mustParse(t testing.TB, yaml string) *Config {
	t.Helper()
	cfg, err := parse(t, yaml)
	require.NoError(t, err)
	return cfg
}

// sink is the next consumer.
type sink struct {
	answer func(context.Context) error // nil: it takes everything

	mu    sync.Mutex // protects calls
	calls []call
}

// call is one call of the next consumer.
type call struct {
	ctx context.Context
	td  ptrace.Traces
}

func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

func (s *sink) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if s.answer != nil {
		if err := s.answer(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call{ctx, td})
	return nil
}

// spans returns how many spans came of each trace, by the trace's number.
func (s *sink) spans() map[byte]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[byte]int{}
	for _, c := range s.calls {
		for _, span := range spansOf(c.td) {
			counts[span.TraceID()[15]]++
		}
	}
	return counts
}

func spansOf(td ptrace.Traces) (all []ptrace.Span) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				all = append(all, span)
			}
		}
	}
	return all
}

// running is a started processor with what is behind it.
type running struct {
	*tailSampling
	sink *sink
	logs *observer.ObservedLogs
	own  *sdkmetric.ManualReader
}

// start starts a processor, which ends with the test or with end.
func start(t testing.TB, yaml string) *running {
	t.Helper()
	return startInFrontOf(t, yaml, &sink{})
}

func startInFrontOf(t testing.TB, yaml string, next *sink) *running {
	t.Helper()
	r := &running{sink: next, own: sdkmetric.NewManualReader()}
	set := processortest.NewNopSettings(componentType)
	core, logs := observer.New(zap.InfoLevel)
	r.logs = logs
	set.Logger = zap.New(core)
	set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.own))
	cfg := mustParse(t, yaml)
	if cfg.Memory.LimitMiB == 0 {
		cfg.Memory.LimitMiB = 64
	}
	p, err := NewFactory().CreateTraces(context.Background(), set, cfg, next)
	require.NoError(t, err)
	require.NoError(t, p.Start(context.Background(), componenttest.NewNopHost()))
	r.tailSampling = p.(*tailSampling)
	t.Cleanup(func() { r.end(t) })
	return r
}

func (r *running) end(t testing.TB) {
	t.Helper()
	require.NoError(t, r.Shutdown(context.Background()))
}

// take sends spans and wants them taken.
func (r *running) mustTake(t testing.TB, td ptrace.Traces) {
	t.Helper()
	require.NoError(t, r.ConsumeTraces(context.Background(), td))
}

// figure returns the sum of an own metric's points whose attributes hold the given pairs.
func (r *running) figure(t testing.TB, name string, pairs ...string) int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, r.own.Collect(context.Background(), &all))
	found, sum := false, int64(0)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != metricPrefix+name {
				continue
			}
			found = true
			for _, p := range pointsOf(t, m) {
				if matches(p, pairs) {
					sum += p.Value
				}
			}
		}
	}
	require.True(t, found, name)
	return sum
}

func pointsOf(t testing.TB, m metricdata.Metrics) []metricdata.DataPoint[int64] {
	t.Helper()
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		return data.DataPoints
	case metricdata.Gauge[int64]:
		return data.DataPoints
	}
	require.Fail(t, "not a number", m.Name)
	return nil
}

func matches(p metricdata.DataPoint[int64], pairs []string) bool {
	for pair := range slices.Chunk(pairs, 2) {
		if v, ok := p.Attributes.Value(attribute.Key(pair[0])); !ok || v.String() != pair[1] {
			return false
		}
	}
	return true
}

// names returns the own metrics of the processor.
func (r *running) names(t testing.TB) (names []string) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, r.own.Collect(context.Background(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			names = append(names, m.Name)
		}
	}
	return names
}

// outcomes returns the spans of every outcome and those held, together.
func (r *running) outcomes(t testing.TB) int64 {
	t.Helper()
	return r.figure(t, "spans") + r.figure(t, "held_spans")
}

// trace returns a trace of so many spans, 10 ms each one after the other; failed: the last one has an error.
func trace(number byte, spans int, failed bool) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	ss := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range spans {
		s := ss.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, 15: number})
		s.SetSpanID(pcommon.SpanID{1, byte(i >> 8), byte(i)})
		if i > 0 {
			s.SetParentSpanID(pcommon.SpanID{1})
		}
		s.SetName("GET /cart")
		s.SetStartTimestamp(pcommon.Timestamp(time.Duration(i) * 10 * time.Millisecond))
		s.SetEndTimestamp(pcommon.Timestamp(time.Duration(i+1) * 10 * time.Millisecond))
		if failed && i == spans-1 {
			s.Status().SetCode(ptrace.StatusCodeError)
		}
	}
	return td
}

// bubble runs a test on a clock of its own.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}
