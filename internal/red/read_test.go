package red

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// reader stands for Prometheus: it keeps the samples of every series under the labels that remote write gives them, and
// insists on ascending milliseconds.
type reader struct {
	tb      testing.TB
	samples map[string][]sample
	// exponential holds the last point of each exponential histogram.
	exponential map[string]pmetric.ExponentialHistogramDataPoint
	exemplars   map[string][]pmetric.Exemplar // of calls and of whole histograms, in order of arrival
}

type sample struct {
	ms    int64
	value float64
	stale bool
}

func newReader(tb testing.TB) *reader {
	return &reader{
		tb: tb, samples: map[string][]sample{}, exponential: map[string]pmetric.ExponentialHistogramDataPoint{},
		exemplars: map[string][]pmetric.Exemplar{},
	}
}

func (r *reader) read(md pmetric.Metrics) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				r.metric(rm.Resource().Attributes(), m)
			}
		}
	}
}

func (r *reader) metric(resource pcommon.Map, m pmetric.Metric) {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		require.True(r.tb, m.Sum().IsMonotonic())
		require.Equal(r.tb, pmetric.AggregationTemporalityCumulative, m.Sum().AggregationTemporality())
		for _, p := range m.Sum().DataPoints().All() {
			key := seriesOf(m.Name(), resource, p.Attributes(), "")
			r.add(key, p.StartTimestamp(), p.Timestamp(), p.Flags(), float64(p.IntValue()))
			r.addExemplars(key, p.Exemplars())
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			r.histogram(m.Name(), resource, p)
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			key := seriesOf(m.Name(), resource, p.Attributes(), "")
			r.add(key+"#count", p.StartTimestamp(), p.Timestamp(), p.Flags(), float64(p.Count()))
			r.add(key+"#sum", p.StartTimestamp(), p.Timestamp(), p.Flags(), p.Sum())
			r.exponential[key] = p
			r.addExemplars(key, p.Exemplars())
		}
	default:
		require.Fail(r.tb, "unexpected metric", m.Name())
	}
}

func (r *reader) histogram(name string, resource pcommon.Map, p pmetric.HistogramDataPoint) {
	require.Equal(r.tb, p.ExplicitBounds().Len()+1, p.BucketCounts().Len())
	add := func(suffix, le string, v float64) {
		r.add(seriesOf(name+suffix, resource, p.Attributes(), le), p.StartTimestamp(), p.Timestamp(), p.Flags(), v)
	}
	add("_count", "", float64(p.Count()))
	if p.HasSum() {
		add("_sum", "", p.Sum())
	}
	cumulative := uint64(0)
	for i, n := range p.BucketCounts().All() {
		cumulative += n
		le := "+Inf"
		if i < p.ExplicitBounds().Len() {
			le = strconv.FormatFloat(p.ExplicitBounds().At(i), 'f', -1, 64)
		}
		add("_bucket", le, float64(cumulative))
	}
	require.Equal(r.tb, p.Count(), cumulative)
	r.addExemplars(seriesOf(name, resource, p.Attributes(), ""), p.Exemplars())
}

func (r *reader) add(key string, start, at pcommon.Timestamp, flags pmetric.DataPointFlags, v float64) {
	s := sample{ms: at.AsTime().UnixMilli(), value: v, stale: flags.NoRecordedValue()}
	list := r.samples[key]
	if n := len(list); n > 0 {
		require.Greater(r.tb, s.ms, list[n-1].ms, key)
	}
	if n := len(list); n == 0 || list[n-1].stale {
		require.False(r.tb, s.stale, "%s is stale before it has a value", key)
		require.Zero(r.tb, s.value, "%s starts with a value", key)
		require.Equal(r.tb, at, start, key)
	}
	require.NotZero(r.tb, start, key)
	r.samples[key] = append(list, s)
}

func (r *reader) addExemplars(key string, list pmetric.ExemplarSlice) {
	for _, e := range list.All() {
		if n := len(r.exemplars[key]); n > 0 {
			require.Greater(r.tb, e.Timestamp(), r.exemplars[key][n-1].Timestamp(), key)
		}
		r.exemplars[key] = append(r.exemplars[key], e)
	}
}

// increase is PromQL's, over all samples and without extrapolation.
func (r *reader) increase(key string) float64 {
	total, before, first := 0.0, 0.0, true
	for _, s := range r.samples[key] {
		if s.stale {
			continue
		}
		switch {
		case first:
		case s.value < before:
			total += s.value
		default:
			total += s.value - before
		}
		before, first = s.value, false
	}
	return total
}

// present says whether a series' last sample is a value.
func (r *reader) present(key string) bool {
	list := r.samples[key]
	return len(list) > 0 && !list[len(list)-1].stale
}

func (r *reader) keys() []string { return slices.Sorted(maps.Keys(r.samples)) }

// seriesOf returns a series as Prometheus would name it, label names left as they are.
func seriesOf(name string, resource, attributes pcommon.Map, le string) string {
	labels := map[string]string{}
	for k, v := range attributes.All() {
		labels[k] = v.AsString()
	}
	if v, ok := resource.Get("service.name"); ok {
		labels["job"] = v.Str()
		if ns, ok := resource.Get("service.namespace"); ok {
			labels["job"] = ns.AsString() + "/" + v.Str()
		}
	}
	if v, ok := resource.Get("service.instance.id"); ok {
		labels["instance"] = v.Str()
	}
	if le != "" {
		labels["le"] = le
	}
	return name + labelsText(labels)
}

func labelsText(labels map[string]string) string {
	var b strings.Builder
	b.WriteByte('{')
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if labels[k] != "" {
			fmt.Fprintf(&b, "%s=%q,", k, labels[k])
		}
	}
	b.WriteByte('}')
	return b.String()
}
