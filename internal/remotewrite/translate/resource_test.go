package translate

import (
	"testing"

	"github.com/prometheus/otlptranslator"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// gaugeOf returns a gauge "g" = 1 at 2000 of a resource and a scope.
func gaugeOf(resource map[string]any, scope func(pcommon.InstrumentationScope)) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	if err := rm.Resource().Attributes().FromRaw(resource); err != nil {
		panic(err)
	}
	sm := rm.ScopeMetrics().AppendEmpty()
	if scope != nil {
		scope(sm.Scope())
	}
	p := fillGauge(sm.Metrics().AppendEmpty(), "g")
	p.SetTimestamp(ms(2000))
	p.SetIntValue(1)
	p.Attributes().PutStr("region", "point")
	return md
}

func TestResourceAndScope(t *testing.T) {
	withScope := func(s pcommon.InstrumentationScope) {
		s.SetName("lib")
		s.SetVersion("1.2")
		s.Attributes().PutStr("a.b", "c")
		s.Attributes().PutStr("name", "not this one")
		s.Attributes().PutStr("empty", "")
	}
	tests := map[string]struct {
		settings func(*Settings)
		resource map[string]any
		scope    func(pcommon.InstrumentationScope)
		want     []string
	}{
		"job is namespace and name, instance the instance id": {
			resource: map[string]any{"service.namespace": "eu", "service.name": "shop", "service.instance.id": "a-1"},
			want:     []string{`g{instance="a-1",job="eu/shop",region="point"} 1 @2000`},
		},
		"a resource without a service has no job": {
			resource: map[string]any{"host.name": "h"},
			want:     []string{`g{region="point"} 1 @2000`},
		},
		"an empty namespace is none": {
			resource: map[string]any{"service.namespace": "", "service.name": "shop"},
			want:     []string{`g{job="shop",region="point"} 1 @2000`},
		},
		"other attributes are in target_info": {
			resource: map[string]any{"service.name": "shop", "host.name": "h", "process.pid": 7},
			want: []string{
				`g{job="shop",region="point"} 1 @2000`,
				`target_info{host_name="h",job="shop",process_pid="7"} 1 @2000`,
			},
		},
		"target_info can be left out": {
			settings: func(s *Settings) { s.TargetInfo = false },
			resource: map[string]any{"service.name": "shop", "host.name": "h"},
			want:     []string{`g{job="shop",region="point"} 1 @2000`},
		},
		"all resource attributes become labels on request, and win over the point's": {
			settings: func(s *Settings) { s.ConstantLabels.Included = []string{"*"} },
			resource: map[string]any{"service.name": "shop", "region": "resource"},
			want: []string{
				`g{job="shop",region="resource",service_name="shop"} 1 @2000`,
				`target_info{job="shop",region="resource"} 1 @2000`,
			},
		},
		"but the service's can be left out": {
			settings: func(s *Settings) { s.ConstantLabels.Excluded, s.TargetInfo = []string{"service.*"}, false },
			resource: map[string]any{"service.name": "shop", "service.instance.id": "a", "zone": "z"},
			want:     []string{`g{instance="a",job="shop",region="point",zone="z"} 1 @2000`},
		},
		"the scope becomes labels": {
			resource: map[string]any{"service.name": "shop"},
			scope:    withScope,
			want:     []string{`g{job="shop",otel_scope_a_b="c",otel_scope_name="lib",otel_scope_version="1.2",region="point"} 1 @2000`},
		},
		"the scope can be left out": {
			settings: func(s *Settings) { s.ScopeInfo = false },
			resource: map[string]any{"service.name": "shop"},
			scope:    withScope,
			want:     []string{`g{job="shop",region="point"} 1 @2000`},
		},
		"external labels are added where there is none of the name": {
			settings: func(s *Settings) {
				s.ExternalLabels = map[string]string{"cluster.name": "c1", "job": "other", "region": "other"}
			},
			resource: map[string]any{"service.name": "shop", "host.name": "h"},
			want: []string{
				`g{cluster_name="c1",job="shop",region="point"} 1 @2000`,
				`target_info{cluster_name="c1",host_name="h",job="shop",region="other"} 1 @2000`,
			},
		},
		"a namespace comes before every name": {
			settings: func(s *Settings) { s.Namespace = "ns" },
			resource: map[string]any{"service.name": "shop", "host.name": "h"},
			want:     []string{`ns_g{job="shop",region="point"} 1 @2000`, `ns_target_info{host_name="h",job="shop"} 1 @2000`},
		},
		"names may be left as they are": {
			settings: func(s *Settings) { s.Strategy = otlptranslator.NoTranslation },
			resource: map[string]any{"service.name": "shop", "host.name": "h"},
			want:     []string{`g{job="shop",region="point"} 1 @2000`, `target_info{host.name="h",job="shop"} 1 @2000`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := defaults()
			if tt.settings != nil {
				tt.settings(&s)
			}
			got, dropped := translated(t, s, gaugeOf(tt.resource, tt.scope))
			assert.Equal(t, tt.want, got)
			assert.Zero(t, dropped)
		})
	}
}

func TestTargetInfoHasTheTimeOfTheNewestRecordedValue(t *testing.T) {
	md := gaugeOf(map[string]any{"service.name": "shop", "host.name": "h"}, nil)
	points := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints()
	newer := points.AppendEmpty()
	newer.SetTimestamp(ms(3000))
	newer.SetIntValue(1)
	stale := points.AppendEmpty()
	stale.SetTimestamp(ms(4000))
	stale.SetFlags(noRecordedValue)
	got, _ := translated(t, defaults(), md)
	assert.Contains(t, got, `target_info{host_name="h",job="shop"} 1 @3000`)
}

func TestExemplarAttributesAreKeptWhileTheyFit(t *testing.T) {
	with := func(text string) string {
		got, _ := translated(t, defaults(), payload(func(m pmetric.Metric) {
			p := fillCounter(m, "c", "").AppendEmpty()
			p.SetTimestamp(ms(2000))
			p.SetIntValue(3)
			e := addExemplar(p.Exemplars(), 1, 0, 1)
			e.FilteredAttributes().PutStr("http.route", text)
			e.FilteredAttributes().PutStr("trace_id", "not this one")
		}))
		require.Len(t, got, 1)
		return got[0]
	}
	assert.Equal(t, `c_total{job="shop"} 3 @2000 # {http_route="/a",`+trace1+`} 1 @2000`, with("/a"),
		"an exemplar without a time has its point's")
	long := make([]byte, 100)
	for i := range long {
		long[i] = 'x'
	}
	assert.Equal(t, `c_total{job="shop"} 3 @2000 # {`+trace1+`} 1 @2000`, with(string(long)))
}

// Ids that are not hexadecimal have no place in OTLP but among the attributes.
func TestAnExemplarKeepsIDsOfOtherKinds(t *testing.T) {
	got, _ := translated(t, defaults(), payload(func(m pmetric.Metric) {
		p := fillCounter(m, "c", "").AppendEmpty()
		p.SetTimestamp(ms(2000))
		p.SetIntValue(3)
		e := addExemplar(p.Exemplars(), 1, 0, 0)
		e.FilteredAttributes().PutStr("trace_id", "abc123xyz")
		e.FilteredAttributes().PutStr("span_id", "s-1")
	}))
	assert.Equal(t, []string{`c_total{job="shop"} 3 @2000 # {span_id="s-1",trace_id="abc123xyz"} 1 @2000`}, got)
}

func TestSettingsThatCannotBeTranslatedBy(t *testing.T) {
	s := defaults()
	s.Strategy = "Sideways"
	s.ExternalLabels = map[string]string{"": "a", "b": "", "__name__": "c"}
	err := s.Validate()
	require.Error(t, err)
	for _, want := range []string{
		`translation_strategy must be one of`, `(got "Sideways")`, `external_labels: cannot make a label of ""`,
		`external_labels.b must not be empty`, `external_labels must not set "__name__"`,
	} {
		assert.ErrorContains(t, err, want)
	}
	s = defaults()
	s.ExternalLabels = map[string]string{"d.e": "1", "d_e": "2"}
	assert.ErrorContains(t, s.Validate(), `external_labels must have different names after escaping (two become "d_e")`)
}
