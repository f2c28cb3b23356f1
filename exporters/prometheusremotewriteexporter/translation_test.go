package prometheusremotewriteexporter

import (
	"context"
	"testing"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite/translate"
)

func TestTranslationKeys(t *testing.T) {
	const endpoint = "endpoint: http://prometheus:9090/api/v1/write\n"
	tests := map[string]struct {
		text string
		want func(*translate.Settings)
	}{
		"defaults": {"", func(*translate.Settings) {}},
		"custom buckets": {"convert_explicit_histograms_to_nhcb: true\nkeep_classic_histograms: true", func(s *translate.Settings) {
			s.CustomBuckets, s.KeepClassic = true, true
		}},
		"classic ones kept mean nothing alone, as in contrib": {"keep_classic_histograms: true", func(s *translate.Settings) {
			s.KeepClassic = true
		}},
		"constant labels": {`resource_constant_labels: {included: ["k8s.*"], excluded: [k8s.pod.uid]}`, func(s *translate.Settings) {
			s.ConstantLabels = translate.AttributeFilter{Included: []string{"k8s.*"}, Excluded: []string{"k8s.pod.uid"}}
		}},
		"the older way to say so": {`resource_to_telemetry_conversion: {enabled: true}`, func(s *translate.Settings) {
			s.ConstantLabels.Included = []string{"*"}
		}},
		"without the service": {`resource_to_telemetry_conversion: {enabled: true, exclude_service_attributes: true}`, func(s *translate.Settings) {
			s.ConstantLabels = translate.AttributeFilter{
				Included: []string{"*"}, Excluded: []string{"service.name", "service.namespace", "service.instance.id"},
			}
		}},
		"nothing is enabled": {`resource_to_telemetry_conversion: {exclude_service_attributes: true}`, func(*translate.Settings) {}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := load(t, endpoint+tt.text)
			require.NoError(t, err)
			defaults := defaultTranslation()
			want := defaults.translation()
			tt.want(&want)
			assert.Equal(t, want, c.translation())
			assert.Nil(t, c.accumulator())
		})
	}
	c, err := load(t, endpoint+"delta_temporality: accumulate\ndelta_max_series: 7\ndelta_max_stale: 0s")
	require.NoError(t, err)
	assert.NotNil(t, c.accumulator())
	assert.Equal(t, 7, c.DeltaMaxSeries)
	assert.Zero(t, c.DeltaMaxStale)
}

func TestTranslationKeysThatAreRefused(t *testing.T) {
	const endpoint = "endpoint: http://prometheus:9090/api/v1/write\n"
	for text, want := range map[string]string{
		"convert_explicit_histograms_to_nhcb: true\nprotobuf_message: prometheus.WriteRequest":         "convert_explicit_histograms_to_nhcb must not be true with protobuf_message prometheus.WriteRequest",
		"resource_to_telemetry_conversion: {enabled: true}\nresource_constant_labels: {included: [a]}": "resource_to_telemetry_conversion must not be set beside resource_constant_labels",
		"delta_temporality: sum":   `delta_temporality must be "drop" or "accumulate" (got "sum")`,
		"delta_max_series: 0":      "delta_max_series must be at least 1 (got 0)",
		"delta_max_stale: -1s":     "delta_max_stale must be at least 0s (got -1s)",
		`external_labels: {a: ""}`: "external_labels.a must not be empty",
	} {
		_, err := load(t, endpoint+text)
		assert.ErrorContains(t, err, want, text)
	}
}

// Prometheus' own receiver takes histograms with custom buckets by 2.0, and by 1.0 the classic series of the same.
func TestPrometheusReadsBackCustomBuckets(t *testing.T) {
	both := []remoteapi.WriteMessageType{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType}
	const name, target = "traces_span_metrics_duration_milliseconds", `instance="a", job="shop"`
	classic := []string{
		`12 {__name__="` + name + `_bucket", ` + target + `, le="+Inf"}`, `12 {__name__="` + name + `_count", ` + target + `}`,
		`4 {__name__="` + name + `_bucket", ` + target + `, le="10"}`, `4220 {__name__="` + name + `_sum", ` + target + `}`,
		`8 {__name__="` + name + `_bucket", ` + target + `, le="100"}`,
	}
	custom := []string{`{count:12, sum:4220, [-Inf,10]:4, (10,100]:4, (100,+Inf]:4} {__name__="` + name + `", ` + target + `}`}
	tests := map[string]struct {
		accepts         []remoteapi.WriteMessageType
		keep            bool
		custom, classic []string
	}{
		"2.0":                             {both, false, custom, []string{}},
		"2.0, and classic ones":           {both, true, custom, classic},
		"a receiver of 1.0":               {both[:1], false, []string{}, classic},
		"a receiver of 1.0, both at once": {both[:1], true, []string{}, classic},
	}
	for test, tt := range tests {
		t.Run(test, func(t *testing.T) {
			p := newPrometheus(t, tt.accepts...)
			h := newHarness(t, func(c *Config) {
				c.ConvertExplicitHistogramsToNHCB, c.KeepClassicHistograms = true, tt.keep
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
			assert.Zero(t, values["pending_samples"])
			assert.NotContains(t, values, "send_failed_metric_points")
			for _, kind := range []string{"sample", "histogram", "exemplar"} {
				assert.NotContains(t, values, "failed_samples{kind="+kind+",reason=not_written}")
			}
			samples, histograms := 5, 5 // counters, exponential histograms
			if len(tt.custom) > 0 {
				histograms += 5
			}
			if len(tt.classic) > 0 {
				samples += 5 * 5
			}
			assert.EqualValues(t, samples, values["sent_samples{kind=sample}"])
			assert.EqualValues(t, histograms, values["sent_samples{kind=histogram}"])

			last := start.Add(time.Minute)
			assert.Equal(t, tt.custom, p.query(name, last))
			assert.Equal(t, tt.classic, p.query(`{__name__=~"`+name+`_.*"}`, last))
			assert.Empty(t, p.query(`{__name__=~"`+name+`.*"}`, gone), "gone at once")
			if len(tt.custom) > 0 {
				assert.Len(t, p.exemplars(start, last, name), 2*4)
			} else {
				assert.Len(t, p.exemplars(start, last, name+"_bucket"), 2*4)
			}
		})
	}
}
