package metricload

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

// recorder is a server that keeps what it is sent.
type recorder struct {
	answer func() send.Outcome // nil: OK

	mu       sync.Mutex
	received []pmetric.Metrics
	arrived  []time.Time
}

func (r *recorder) Send(_ context.Context, signal send.Signal, body []byte) send.Outcome {
	req := pmetricotlp.NewExportRequest()
	if err := req.UnmarshalProto(body); err != nil || signal != send.Metrics {
		return send.Outcome{Code: "not a request of metrics"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answer != nil {
		if o := r.answer(); o.Code != send.OK {
			return o
		}
	}
	r.received = append(r.received, req.Metrics())
	r.arrived = append(r.arrived, time.Now())
	return send.Outcome{Code: send.OK}
}

func (*recorder) Close() error { return nil }

// point is what a sample must have of its own: its series and its time.
type point struct {
	instance, metric, attributes string
	at                           time.Time
}

// tally counts points and the series that remote write makes of them.
type tally struct {
	points map[point]int
	series int
	starts map[time.Time]int
}

func tallied(mds []pmetric.Metrics) tally {
	t := tally{points: map[point]int{}, starts: map[time.Time]int{}}
	for _, md := range mds {
		for _, rm := range md.ResourceMetrics().All() {
			instance, _ := rm.Resource().Attributes().Get("service.instance.id")
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					for _, p := range numbers(m).All() {
						t.points[point{instance.Str(), m.Name(), fmt.Sprint(p.Attributes().AsRaw()), p.Timestamp().AsTime()}]++
						t.starts[p.StartTimestamp().AsTime()]++
						t.series++
					}
					if m.Type() == pmetric.MetricTypeHistogram {
						for _, p := range m.Histogram().DataPoints().All() {
							t.points[point{instance.Str(), m.Name(), fmt.Sprint(p.Attributes().AsRaw()), p.Timestamp().AsTime()}]++
							t.starts[p.StartTimestamp().AsTime()]++
							t.series += p.BucketCounts().Len() + 2
						}
					}
				}
			}
		}
	}
	return t
}

func TestEveryRoundHasEverySeriesOnce(t *testing.T) {
	for _, shape := range []Shape{Agents, Flush} {
		t.Run(shape.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plan, err := NewPlan(Spec{Shape: shape, Resources: 7, Seed: 1})
				require.NoError(t, err)
				var server recorder
				result, err := Drive(t.Context(), plan, &server, Options{Rounds: 3, Every: 7 * time.Second, Workers: 3})
				require.NoError(t, err)
				require.Len(t, server.received, 3*7)
				got := tallied(server.received)
				assert.Equal(t, 3*plan.Spec.Series(), got.series)
				assert.Len(t, got.points, 3*7*plan.Spec.PointsPerRequest(), "a point came twice")
				times := map[time.Time]int{}
				for p := range got.points {
					times[p.at]++
				}
				for _, round := range result.Rounds {
					assert.Equal(t, 7*plan.Spec.PointsPerRequest(), times[time.UnixMilli(round.Millis).UTC()])
					assert.Zero(t, round.Late)
				}
				assert.Len(t, times, 3)
			})
		})
	}
}

func TestAgentsAreSpreadOverTheRoundAndAFlushIsNot(t *testing.T) {
	for shape, want := range map[Shape]time.Duration{Agents: 6 * time.Second, Flush: 0} {
		synctest.Test(t, func(t *testing.T) {
			plan, err := NewPlan(Spec{Shape: shape, Resources: 7, Seed: 1})
			require.NoError(t, err)
			var server recorder
			_, err = Drive(t.Context(), plan, &server, Options{Rounds: 2, Every: 7 * time.Second})
			require.NoError(t, err)
			assert.Equal(t, want, server.arrived[6].Sub(server.arrived[0]), shape)
			assert.Equal(t, 7*time.Second, server.arrived[7].Sub(server.arrived[0]), shape)
		})
	}
}

func TestARoundThatTakesLongerThanItsTimeIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan, err := NewPlan(Spec{Shape: Flush, Resources: 1, Seed: 1})
		require.NoError(t, err)
		first := true
		server := recorder{answer: func() send.Outcome {
			if first {
				first = false
				return send.Outcome{Code: "429", Retryable: true, RetryAfter: 3 * time.Second}
			}
			return send.Outcome{Code: send.OK}
		}}
		result, err := Drive(t.Context(), plan, &server, Options{Rounds: 2, Every: time.Second})
		require.NoError(t, err)
		assert.Equal(t, 2*time.Second, result.Late())
		assert.Equal(t, 1, result.Refused)
		assert.Zero(t, result.GivenUp)
		assert.Len(t, server.received, 2)
	})
}

func TestARefusalForGoodIsSaid(t *testing.T) {
	plan, err := NewPlan(Spec{Shape: Flush, Resources: 2, Seed: 1})
	require.NoError(t, err)
	server := recorder{answer: func() send.Outcome { return send.Outcome{Code: "400", Message: "why"} }}
	result, err := Drive(t.Context(), plan, &server, Options{Rounds: 2})
	require.NoError(t, err)
	assert.Equal(t, 4, result.GivenUp)
	assert.Equal(t, "400: why", result.LastRefusal)
	assert.Greater(t, result.Rounds[1].Millis, result.Rounds[0].Millis)
}

func TestOneSpecOnePlan(t *testing.T) {
	spec := Spec{Shape: Agents, Resources: 3, Seed: 9}
	a, err := NewPlan(spec)
	require.NoError(t, err)
	b, err := NewPlan(spec)
	require.NoError(t, err)
	assert.Equal(t, a, b)
	_, err = NewPlan(Spec{})
	require.ErrorContains(t, err, "at least one resource")
}

func numbers(m pmetric.Metric) pmetric.NumberDataPointSlice {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints()
	default:
		return pmetric.NewNumberDataPointSlice()
	}
}
