package prometheusremotewriteexporter

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sort"
	"testing"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// prometheus is Prometheus' own receiver, storage and query engine.
type prometheus struct {
	*teststorage.TestStorage
	http.Handler
	engine *promql.Engine
	t      *testing.T
}

func newPrometheus(t *testing.T, accepts ...remoteapi.WriteMessageType) *prometheus {
	db := teststorage.New(t)
	return &prometheus{
		TestStorage: db,
		// Start times are ingested as zeros where the message has them.
		Handler: remote.NewWriteHandler(slog.New(slog.DiscardHandler), nil, db, accepts, true, false, false),
		engine:  promqltest.NewTestEngine(t, false, 5*time.Minute, 1e6),
		t:       t,
	}
}

// query returns the result of an instant query as sorted lines, the value first.
func (p *prometheus) query(expr string, at time.Time) []string {
	p.t.Helper()
	q, err := p.engine.NewInstantQuery(context.Background(), p, nil, expr, at)
	require.NoError(p.t, err)
	defer q.Close()
	vector, err := q.Exec(context.Background()).Vector()
	require.NoError(p.t, err)
	lines := []string{}
	for _, s := range vector {
		lines = append(lines, fmt.Sprintf("%v %s", s.F, s.Metric))
		if s.H != nil {
			lines[len(lines)-1] = fmt.Sprintf("%s %s", s.H, s.Metric)
		}
	}
	sort.Strings(lines)
	return lines
}

func (p *prometheus) exemplars(from, to time.Time, name string) []string {
	p.t.Helper()
	q, err := p.ExemplarQuerier(context.Background())
	require.NoError(p.t, err)
	results, err := q.Select(from.UnixMilli(), to.UnixMilli(), []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", name)})
	require.NoError(p.t, err)
	lines := []string{}
	for _, r := range results {
		for _, e := range r.Exemplars {
			lines = append(lines, fmt.Sprintf("%s %v %s after %s", r.SeriesLabels, e.Value, e.Labels, time.UnixMilli(e.Ts).Sub(from)))
		}
	}
	sort.Strings(lines)
	return lines
}

func at(t time.Time) pcommon.Timestamp { return pcommon.NewTimestampFromTime(t) }

// flush is one report of a service: a counter, a classic and a native histogram, each of n observations so far. Without
// a value they are stale markers.
func flush(start, now time.Time, n int, recorded bool) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "shop")
	rm.Resource().Attributes().PutStr("service.instance.id", "a")
	rm.Resource().Attributes().PutStr("region", "eu")
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	flags := pmetric.DefaultDataPointFlags.WithNoRecordedValue(!recorded)

	calls := metrics.AppendEmpty()
	calls.SetName("traces.span.metrics.calls")
	calls.SetEmptySum().SetIsMonotonic(true)
	calls.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	c := calls.Sum().DataPoints().AppendEmpty()
	c.SetFlags(flags)
	c.SetStartTimestamp(at(start))
	c.SetTimestamp(at(now))
	c.Attributes().PutStr("span.name", "GET /")

	duration := metrics.AppendEmpty()
	duration.SetName("traces.span.metrics.duration")
	duration.SetUnit("ms")
	duration.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	h := duration.Histogram().DataPoints().AppendEmpty()
	h.SetFlags(flags)
	h.SetStartTimestamp(at(start))
	h.SetTimestamp(at(now))
	h.ExplicitBounds().FromRaw([]float64{10, 100})

	size := metrics.AppendEmpty()
	size.SetName("request.size")
	size.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	e := size.ExponentialHistogram().DataPoints().AppendEmpty()
	e.SetFlags(flags)
	e.SetStartTimestamp(at(start))
	e.SetTimestamp(at(now))
	if !recorded {
		return md
	}
	count := uint64(n)
	c.SetIntValue(int64(n))
	exemplar(c.Exemplars().AppendEmpty(), 1, now.Add(-time.Second), byte(n))
	h.SetCount(3 * count)
	h.SetSum(float64(n) * 1055)
	h.BucketCounts().FromRaw([]uint64{count, count, count})
	exemplar(h.Exemplars().AppendEmpty(), 1000, now.Add(-time.Second), byte(n))
	exemplar(h.Exemplars().AppendEmpty(), 50, now.Add(-2*time.Second), byte(n))
	e.SetScale(0)
	e.SetCount(2 * count)
	e.SetSum(float64(n) * 4)
	e.Positive().BucketCounts().FromRaw([]uint64{count, count}) // (1,2] and (2,4]
	exemplar(e.Exemplars().AppendEmpty(), 3, now.Add(-time.Second), byte(n))
	return md
}

func exemplar(e pmetric.Exemplar, v float64, when time.Time, trace byte) {
	e.SetDoubleValue(v)
	e.SetTimestamp(at(when))
	e.SetTraceID(pcommon.TraceID{15: trace})
}

func TestPrometheusReadsBackWhatWasSent(t *testing.T) {
	both := []remoteapi.WriteMessageType{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType}
	tests := map[string]struct {
		message remotewrite.Message
		accepts []remoteapi.WriteMessageType
	}{
		"1.0":                       {remotewrite.V1, both},
		"2.0":                       {remotewrite.V2, both},
		"2.0 to a receiver of 1.0":  {remotewrite.V2, both[:1]},
		"1.0 to a receiver of both": {remotewrite.V1, both},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPrometheus(t, tt.accepts...)
			h := newHarness(t, func(c *Config) {
				c.ProtobufMessage = tt.message
				c.TargetInfo.Enabled = true
				c.Queue.NumConsumers = 3
			})
			h.overNetwork(p)
			start := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
			for i := 1; i <= 4; i++ {
				require.NoError(t, h.ConsumeMetrics(context.Background(), flush(start, start.Add(time.Duration(i)*15*time.Second), i, true)))
			}
			gone := start.Add(75 * time.Second)
			require.NoError(t, h.ConsumeMetrics(context.Background(), flush(start, gone, 0, false)))
			require.NoError(t, h.Shutdown(context.Background()))

			values := h.values()
			assert.EqualValues(t, 15, values["sent_metric_points"])
			assert.EqualValues(t, 4*(1+5)+(1+5)+4, values["sent_samples{kind=sample}"])
			assert.EqualValues(t, 5, values["sent_samples{kind=histogram}"])
			assert.EqualValues(t, 4*4, values["sent_samples{kind=exemplar}"])
			assert.NotContains(t, values, "send_failed_metric_points")
			for kind := range map[string]bool{"sample": true, "histogram": true, "exemplar": true} {
				assert.NotContains(t, values, "failed_samples{kind="+kind+",reason=not_written}")
			}

			last := start.Add(time.Minute)
			const target = `instance="a", job="shop"`
			for expr, want := range map[string][]string{
				"traces_span_metrics_calls_total": {`4 {__name__="traces_span_metrics_calls_total", ` + target + `, span_name="GET /"}`},
				`{__name__=~"traces_span_metrics_duration_milliseconds_.*"}`: {
					`12 {__name__="traces_span_metrics_duration_milliseconds_bucket", ` + target + `, le="+Inf"}`,
					`12 {__name__="traces_span_metrics_duration_milliseconds_count", ` + target + `}`,
					`4 {__name__="traces_span_metrics_duration_milliseconds_bucket", ` + target + `, le="10"}`,
					`4220 {__name__="traces_span_metrics_duration_milliseconds_sum", ` + target + `}`,
					`8 {__name__="traces_span_metrics_duration_milliseconds_bucket", ` + target + `, le="100"}`,
				},
				"request_size":                        {`{count:8, sum:16, (1,2]:4, (2,4]:4} {__name__="request_size", ` + target + `}`},
				"histogram_quantile(1, request_size)": {`4 {` + target + `}`},
				"target_info":                         {`1 {__name__="target_info", ` + target + `, region="eu"}`},
			} {
				assert.Equal(t, want, p.query(expr, last), expr)
			}
			if tt.message == remotewrite.V2 && len(tt.accepts) == 2 {
				// The start time is in the storage as a zero: the first increment counts.
				assert.Equal(t, []string{`4 {` + target + `, span_name="GET /"}`}, p.query("last_over_time(traces_span_metrics_calls_total[2m]) - (traces_span_metrics_calls_total @ "+fmt.Sprint(start.Unix())+")", last))
			}
			for _, expr := range []string{
				"traces_span_metrics_calls_total", "request_size", `{__name__=~"traces_span_metrics_duration_milliseconds_.*"}`,
			} {
				assert.Empty(t, p.query(expr, gone), "%s is gone at once", expr)
			}
			assert.Len(t, p.query("target_info", gone), 1, "a stale marker says nothing about the target")

			assert.Equal(t, []string{
				`{__name__="traces_span_metrics_calls_total", ` + target + `, span_name="GET /"} 1 {trace_id="00000000000000000000000000000004"} after 59s`,
			}, p.exemplars(start, start.Add(time.Minute), "traces_span_metrics_calls_total")[3:])
			buckets := p.exemplars(start, start.Add(15*time.Second), "traces_span_metrics_duration_milliseconds_bucket")
			assert.Equal(t, []string{
				`{__name__="traces_span_metrics_duration_milliseconds_bucket", ` + target + `, le="+Inf"} 1000 {trace_id="00000000000000000000000000000001"} after 14s`,
				`{__name__="traces_span_metrics_duration_milliseconds_bucket", ` + target + `, le="100"} 50 {trace_id="00000000000000000000000000000001"} after 13s`,
			}, buckets)
			assert.Len(t, p.exemplars(start, start.Add(time.Minute), "request_size"), 4)
		})
	}
}

// Points that come late within a payload, and payloads of one series on many goroutines, are what breaks other senders:
// Prometheus without an out-of-order window would refuse them.
func TestPrometheusWithoutOutOfOrderWindowTakesEverything(t *testing.T) {
	for _, message := range bothMessages {
		t.Run(string(message), func(t *testing.T) {
			p := newPrometheus(t, remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType)
			h := newHarness(t, func(c *Config) {
				c.ProtobufMessage = message
				c.Queue.NumConsumers = 8
				c.MaxBatchSizeBytes = 20_000
			})
			h.overNetwork(p)
			start := time.Now().Add(-10 * time.Minute).UnixMilli()
			const rounds = 100
			for round := range int64(rounds) {
				md := counters(50, start+1000*(2*round+1), float64(2*round+1))
				// The older half of the payload comes last.
				counters(50, start+1000*2*round, float64(2*round)).ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
				require.NoError(t, h.ConsumeMetrics(context.Background(), md))
			}
			require.NoError(t, h.Shutdown(context.Background()))
			values := h.values()
			assert.EqualValues(t, rounds*100, values["sent_samples{kind=sample}"])
			assert.NotContains(t, values, "send_failed_metric_points")
			end := time.UnixMilli(start + 1000*2*rounds)
			assert.Equal(t, []string{fmt.Sprint(50*2*rounds, " {}")}, p.query("sum(count_over_time(c_total[20m]))", end))
			assert.Equal(t, []string{fmt.Sprint(50*(2*rounds-1), " {}")}, p.query("sum(c_total)", end))
		})
	}
}
