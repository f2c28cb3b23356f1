package translate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	contrib "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheusremotewrite"
	"github.com/prometheus/otlptranslator"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/storage"
	prometheus "github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

var strategies = []otlptranslator.TranslationStrategyOption{
	otlptranslator.UnderscoreEscapingWithSuffixes, otlptranslator.UnderscoreEscapingWithoutSuffixes,
	otlptranslator.NoUTF8EscapingWithSuffixes, otlptranslator.NoTranslation,
}

// memory is a storage that keeps what Prometheus' own OTLP endpoint would write.
type memory []remotewrite.Series

func (m *memory) Append(_ storage.SeriesRef, ls labels.Labels, start, at int64, v float64, h *histogram.Histogram, _ *histogram.FloatHistogram, more storage.AOptions) (storage.SeriesRef, error) {
	s := remotewrite.Series{Timestamp: at, Start: start, Value: v}
	ls.Range(func(l labels.Label) { s.Labels = append(s.Labels, remotewrite.Label{Name: l.Name, Value: l.Value}) })
	if h != nil {
		s.Histogram = h.Copy()
	}
	for _, x := range more.Exemplars {
		s.Exemplars = append(s.Exemplars, remotewrite.Exemplar{Labels: make([]remotewrite.Label, x.Labels.Len()), Value: x.Value, Timestamp: x.Ts})
	}
	*m = append(*m, s)
	return 1, nil
}

func (m *memory) Commit() error   { return nil }
func (m *memory) Rollback() error { return nil }

// sameAsOthers makes what the translators agree on: they differ in what README.md lists.
func sameAsOthers(r *rand.Rand) pmetric.Metrics {
	md := randomMetrics(r)
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			if sm.Scope().Name() != "" && r.IntN(2) == 0 {
				sm.Scope().SetVersion("1.2")
			}
			for _, m := range sm.Metrics().All() {
				if m.Type() == pmetric.MetricTypeHistogram {
					sortByValue(m.Histogram().DataPoints().At(0).Exemplars())
				}
			}
		}
	}
	return md
}

// sortByValue: Prometheus' endpoint puts exemplars into buckets as if they were sorted so.
func sortByValue(all pmetric.ExemplarSlice) {
	var values []float64
	for _, x := range all.All() {
		values = append(values, x.DoubleValue())
	}
	slices.Sort(values)
	for i, x := range all.All() {
		x.SetDoubleValue(values[i])
	}
}

func TestSameSeriesAsPrometheusItself(t *testing.T) {
	for _, strategy := range strategies {
		for _, custom := range []bool{false, true} {
			for _, scope := range []bool{false, true} {
				t.Run(fmt.Sprint(strategy, " custom=", custom, " scope=", scope), func(t *testing.T) {
					for seed := range uint64(40) {
						comparePrometheus(t, seed, strategy, custom, scope)
					}
				})
			}
		}
	}
}

func comparePrometheus(t *testing.T, seed uint64, strategy otlptranslator.TranslationStrategyOption, custom, scope bool) {
	md := sameAsOthers(rand.New(rand.NewPCG(seed, 8)))
	var want memory
	_, err := prometheus.NewPrometheusConverter(&want).FromMetrics(context.Background(), md, prometheus.Settings{
		Namespace: "ns", ExternalLabels: map[string]string{"cluster": "c", "code": "external"},
		AddMetricSuffixes: strategy.ShouldAddSuffixes(), AllowUTF8: !strategy.ShouldEscape(),
		ConvertHistogramsToNHCB: custom, PromoteScopeMetadata: scope, LabelNameUnderscoreSanitization: true,
	})
	require.NoError(t, err)
	s := defaults()
	s.Namespace, s.ExternalLabels = "ns", map[string]string{"cluster": "c", "code": "external"}
	s.Strategy, s.CustomBuckets, s.ScopeInfo = strategy, custom, scope
	translator, err := New(s)
	require.NoError(t, err)
	var b Buffer
	translator.Translate(md, &b)
	require.Zero(t, b.Dropped)
	wantInfos, wantSeries := apart(want)
	infos, series := apart(b.Series)
	require.Equal(t, ownLines(wantSeries), ownLines(series), "seed %d", seed)
	// Prometheus' endpoint writes it at the oldest time of the resource too.
	require.Subset(t, ownLines(wantInfos), ownLines(infos), "seed %d", seed)
	require.Equal(t, labelsOf(wantInfos), labelsOf(infos))
}

// apart returns target_info and the others, with a value that was joined with itself once.
func apart(in []remotewrite.Series) (infos, others []remotewrite.Series) {
	for _, s := range in {
		for i, l := range s.Labels {
			if one, two, ok := strings.Cut(l.Value, ";"); ok && one == two {
				s.Labels[i].Value = one
			}
		}
		if slices.ContainsFunc(s.Labels, func(l remotewrite.Label) bool {
			return l == remotewrite.Label{Name: "__name__", Value: "ns_target_info"}
		}) {
			infos = append(infos, s)
		} else {
			others = append(others, s)
		}
	}
	return infos, others
}

func labelsOf(series []remotewrite.Series) []string {
	var lines []string
	for _, s := range series {
		lines = append(lines, fmt.Sprint(s.Labels))
	}
	sort.Strings(lines)
	return slices.Compact(lines)
}

// The contrib translator of 2.0 requests has custom buckets too; it gives classic histograms no exemplars.
func TestSameSeriesAsTheContribTranslatorOf20(t *testing.T) {
	for _, strategy := range strategies {
		for _, keep := range []bool{false, true} {
			t.Run(fmt.Sprint(strategy, " keep=", keep), func(t *testing.T) {
				for seed := range uint64(40) {
					md := sameAsOthers(rand.New(rand.NewPCG(seed, 9)))
					s := defaults()
					s.Strategy, s.CustomBuckets, s.KeepClassic = strategy, true, keep
					translator, err := New(s)
					require.NoError(t, err)
					want, symbols, err := contrib.FromMetricsV2(md, contrib.Settings{
						TranslationStrategy: string(strategy), ConvertExplicitHistogramsToNHCB: true, KeepClassicHistograms: keep,
					})
					require.NoError(t, err)
					var b Buffer
					translator.Translate(md, &b)
					for i := range b.Series {
						b.Series[i].Exemplars = nil
					}
					require.Equal(t, linesV2(t, want, symbols.Symbols()), ownLines(b.Series), "seed %d", seed)
				}
			})
		}
	}
}

func linesV2(t *testing.T, series map[string]*writev2.TimeSeries, symbols []string) []string {
	var out []remotewrite.Series
	builder := labels.NewScratchBuilder(0)
	for _, ts := range series {
		ls, err := ts.ToLabels(&builder, symbols)
		require.NoError(t, err)
		s := remotewrite.Series{}
		ls.Range(func(l labels.Label) { s.Labels = append(s.Labels, remotewrite.Label{Name: l.Name, Value: l.Value}) })
		for _, x := range ts.Samples {
			s.Timestamp, s.Value = x.Timestamp, x.Value
			out = append(out, s)
		}
		for _, h := range ts.Histograms {
			s.Timestamp, s.Histogram = h.Timestamp, h.ToIntHistogram()
			out = append(out, s)
		}
	}
	return ownLines(out)
}
