package slo

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheusremotewrite"
)

const (
	good = "events{outcome=good service=shop slo=a}"
	bad  = "events{outcome=bad service=shop slo=a}"
)

func at(points []flushed, key string) (out []flushed) {
	for _, p := range points {
		if p.key == key {
			out = append(out, p)
		}
	}
	return out
}

func TestDeclaredServicesArePresentAtZeroFromTheStart(t *testing.T) {
	r := newRig(t, `- {name: a, service: shop, objective: 99, errors: {}}`, 1, nil)
	first := r.flushPoints(15 * time.Second)
	for _, k := range []string{good, bad, "events.excluded{reason=probe_agent slo=a}", "events.clock_skew{slo=a}"} {
		assert.Equal(t, []flushed{{k, 0, 0, 0}, {k, 0, 15 * time.Second, 0}}, at(first, k))
	}
	r.observe(0, span{service: "shop", status: 2})
	second := r.flushPoints(30 * time.Second)
	assert.Equal(t, []flushed{{bad, 1, 30 * time.Second, 0}}, at(second, bad))
	assert.Equal(t, []flushed{{good, 0, 30 * time.Second, 0}}, at(second, good))
}

func TestAGroupIsPrecededByZeroAtTheLastFlush(t *testing.T) {
	r := newRig(t, `- {name: a, service: "*", objective: 99, errors: {}}`, 1, nil)
	assert.Empty(t, only(r.flush(15*time.Second), "events"), "nobody is declared")
	r.observe(0, span{service: "shop"}, span{service: "shop"}, span{service: "other", attrs: attrs{"url.path": "/livez"}})
	points := r.flushPoints(30 * time.Second)
	s := 15 * time.Second
	assert.Equal(t, []flushed{{good, 0, s, s}, {good, 2, 2 * s, s}}, at(points, good))
	assert.Equal(t, []flushed{{bad, 0, s, s}, {bad, 0, 2 * s, s}}, at(points, bad))
	assert.Empty(t, at(points, "events{outcome=good service=other slo=a}"), "a service without an event")
	r.observe(0, span{service: "shop"})
	assert.Equal(t, []flushed{{good, 3, 3 * s, s}}, at(r.flushPoints(45*time.Second), good))
}

func TestAFlushThatIsNotLaterWritesNothing(t *testing.T) {
	r := newRig(t, `- {name: a, service: shop, objective: 99, errors: {}}`, 1, nil)
	assert.Empty(t, r.flush(0))
	assert.NotEmpty(t, r.flush(1))
	assert.Empty(t, r.flush(1))
	assert.Empty(t, r.flush(-time.Hour))
	assert.NotEmpty(t, r.flush(2))
}

func TestWithoutSLOsNothingIsAskedCountedOrWritten(t *testing.T) {
	r := newRig(t, "", 1, nil)
	assert.Zero(t, r.schema.SpanSlots()+r.schema.ResourceSlots())
	r.observe(0, span{service: "shop"})
	assert.Empty(t, r.flush(time.Minute))
}

func TestOnlyWhatIsNeededIsAskedOfTheSchema(t *testing.T) {
	r := newRig(t, `- {name: a, service: shop, objective: 99, latency: {threshold: 1s}, exclude_probes: false}`, 1, nil)
	assert.Equal(t, 0, r.schema.SpanSlots())
	assert.Equal(t, 1, r.schema.ResourceSlots())
}

func TestCompileFailsWhenTheSchemaIsFullAndLeavesTheOldSet(t *testing.T) {
	r := newRig(t, `- {name: a, service: shop, objective: 99, errors: {}}`, 1, nil)
	list := "- {name: b, service: shop, objective: 99, errors: {}, match: {attributes: {"
	for i := range 65 {
		list += fmt.Sprintf("k%d: 1, ", i)
	}
	cfg := parse(t, list+"}}}")
	for _, schema := range []string{"fresh", "used"} {
		s := newRig(t, "", 1, nil).schema
		if schema == "used" {
			s = r.schema.Clone()
		}
		_, err := Compile(cfg, Options{}, s, r.Counter)
		require.ErrorContains(t, err, "at most 64 different keys")
	}
	_, err := Compile(Config{SLOs: []SLO{{}}}, Options{}, r.schema.Clone(), r.Counter)
	require.Error(t, err)
	r.observe(0, span{service: "shop"})
	assert.Equal(t, 1, r.flush(time.Minute)[good])
	assert.Len(t, r.ledger.all, 1)
}

func TestOverridesChangeSingleServicesAndDeclareThem(t *testing.T) {
	r := newRig(t, `- name: a
  service: "*"
  objective: 99
  latency: {threshold: 100ms}
  overrides:
  - {service: slow, objective: 99.95, latency: {threshold: 1s}}
  - {service: strict, errors: {}}`, 1, nil)
	r.observe(0, span{service: "slow", duration: time.Second}, span{service: "slow", duration: time.Second + 1},
		span{service: "strict", status: 2}, span{service: "strict", duration: time.Second}, span{service: "other", status: 2}, span{})
	got := r.flush(time.Minute)
	assert.Equal(t, map[string]any{
		"events{outcome=good service=slow slo=a}": 1, "events{outcome=bad service=slow slo=a}": 1,
		"events{outcome=good service=strict slo=a}": 0, "events{outcome=bad service=strict slo=a}": 2,
		"events{outcome=good service=other slo=a}": 1, "events{outcome=bad service=other slo=a}": 0,
		"events{outcome=good service=unknown_service slo=a}": 1, "events{outcome=bad service=unknown_service slo=a}": 0,
	}, only(got, "events"))
	assert.Equal(t, map[string]any{
		"objective.ratio{service=slow slo=a}": 0.9995, "objective.ratio{service=strict slo=a}": 0.99,
		"objective.ratio{service=other slo=a}": 0.99, "objective.ratio{service=unknown_service slo=a}": 0.99,
	}, only(got, "objective.ratio"))
	fresh := newRig(t, `- {name: a, service: "*", objective: 99, errors: {}, overrides: [{service: shop}]}`, 1, nil)
	assert.Equal(t, 0, fresh.flush(time.Minute)[good], "declared by its override")
}

func TestMetricsAreWhatPrometheusShallSee(t *testing.T) {
	r := newRig(t, `- {name: a, service: shop, objective: 99.9, errors: {}, group_by: [http.route]}`, 1, nil)
	r.observe(0, span{service: "shop", attrs: attrs{"http.route": "/a"}}, span{service: "shop"})
	md := pmetric.NewMetrics()
	r.Flush(start.Add(time.Minute), md)
	require.Equal(t, map[string]any{"service.name": "otelcol-slo", "service.instance.id": "gw-0"}, md.ResourceMetrics().At(0).Resource().Attributes().AsRaw())

	series, err := prometheusremotewrite.FromMetrics(md, prometheusremotewrite.Settings{AddMetricSuffixes: true, DisableTargetInfo: true})
	require.NoError(t, err)
	var got []string
	for _, ts := range series {
		got = append(got, promKey(ts.Labels))
	}
	slices.Sort(got)
	from := " instance=gw-0 job=otelcol-slo otel_scope_name=" + ScopeName
	assert.Equal(t, []string{
		"slo_events_clock_skew_total" + from + " slo=a",
		"slo_events_excluded_total" + from + " reason=health_route slo=a",
		"slo_events_excluded_total" + from + " reason=probe_agent slo=a",
		"slo_events_excluded_total" + from + " reason=rule slo=a",
		"slo_events_parent_unknown_total" + from + " slo=a",
		"slo_events_total http_route=/a" + from + " outcome=bad service=shop slo=a",
		"slo_events_total http_route=/a" + from + " outcome=good service=shop slo=a",
		"slo_events_total" + from + " outcome=bad service=shop slo=a",
		"slo_events_total" + from + " outcome=good service=shop slo=a",
		"slo_objective_ratio" + from + " service=shop slo=a",
	}, got)
	for _, m := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if m.Type() == pmetric.MetricTypeSum {
			assert.True(t, m.Sum().IsMonotonic())
			assert.Equal(t, pmetric.AggregationTemporalityCumulative, m.Sum().AggregationTemporality())
		}
	}
}

func promKey(labels []prompb.Label) (key string) {
	for _, l := range labels {
		if l.Name == "__name__" {
			key = l.Value
		}
	}
	slices.SortFunc(labels, func(a, b prompb.Label) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) })
	for _, l := range labels {
		if l.Name != "__name__" {
			key += " " + l.Name + "=" + l.Value
		}
	}
	return key
}
