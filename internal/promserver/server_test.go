package promserver

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
)

var messages = []remoteapi.WriteMessageType{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType}

func TestWhatIsWrittenIsFoundAgain(t *testing.T) {
	for _, m := range messages {
		t.Run(string(m), func(t *testing.T) {
			r := open(t, nil)
			_, err := r.write(m, r.from, series{"calls_total", "a", 3}, series{"calls_total", "b", 4})
			require.NoError(t, err)
			_, err = r.write(m, r.from.Add(30*time.Second), series{"calls_total", "a", 13}, series{"calls_total", "b", 4})
			require.NoError(t, err)
			require.Equal(t, map[string]string{"a": "13", "b": "4"}, r.query("calls_total"))
			status, a := r.call("/api/v1/query_exemplars", url.Values{
				"query": {`calls_total{id="a"}`}, "start": {r.from.Add(-time.Hour).Format(time.RFC3339)}, "end": {time.Now().Format(time.RFC3339)},
			}, false)
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, 2, strings.Count(string(a.Data), `"trace_id":"ta"`), string(a.Data))
		})
	}
}

func TestNativeHistogramsAreTaken(t *testing.T) {
	r := open(t, nil)
	h := &histogram.Histogram{
		Count: 5, Sum: 7, PositiveSpans: []histogram.Span{{Offset: 1, Length: 1}}, PositiveBuckets: []int64{5},
	}
	at := r.from.UnixMilli()
	_, err := r.api.Write(t.Context(), remoteapi.WriteV1MessageType, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:     []prompb.Label{{Name: "__name__", Value: "duration"}, {Name: "id", Value: "v1"}},
		Histograms: []prompb.Histogram{prompb.FromIntHistogram(at, h)},
	}}})
	require.NoError(t, err)
	_, err = r.api.Write(t.Context(), remoteapi.WriteV2MessageType, &writev2.Request{
		Symbols:    []string{"", "__name__", "duration", "id", "v2"},
		Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{1, 2, 3, 4}, Histograms: []writev2.Histogram{writev2.FromIntHistogram(0, at, h)}}},
	})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"v1": "5", "v2": "5"}, r.query("histogram_count(duration)"))
}

// TestTheCallsOfGrafana makes every call that Grafana's Prometheus data source makes.
func TestTheCallsOfGrafana(t *testing.T) {
	r := open(t, nil)
	_, err := r.write(remoteapi.WriteV2MessageType, r.from, series{"calls_total", "a", 3})
	require.NoError(t, err)
	span := url.Values{"start": {fmt.Sprint(r.from.Unix() - 60)}, "end": {fmt.Sprint(time.Now().Unix())}}
	with := func(pairs ...string) url.Values {
		v := maps.Clone(span)
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	for _, c := range []struct {
		path   string
		values url.Values
		form   bool
		want   string
	}{
		{"/api/v1/query", url.Values{"query": {"1+1"}}, true, `"2"`},
		{"/api/v1/query", url.Values{"query": {"calls_total"}}, false, `"calls_total"`},
		{"/api/v1/query_range", with("query", "calls_total", "step", "15"), true, `"matrix"`},
		{"/api/v1/query_range", with("query", "rate(calls_total[1m])", "step", "15"), false, `"matrix"`},
		{"/api/v1/query_exemplars", with("query", "calls_total"), true, `"ta"`},
		{"/api/v1/labels", span, true, `"__name__"`},
		{"/api/v1/labels", with("match[]", "calls_total"), false, `"id"`},
		{"/api/v1/label/__name__/values", span, false, `"calls_total"`},
		{"/api/v1/label/id/values", with("match[]", "calls_total"), false, `"a"`},
		{"/api/v1/series", with("match[]", "calls_total"), true, `"calls_total"`},
		{"/api/v1/metadata", url.Values{"limit": {"10"}}, false, `{}`},
		{"/api/v1/rules", nil, false, `"groups"`},
		{"/api/v1/alerts", nil, false, `"alerts"`},
		{"/api/v1/status/buildinfo", nil, false, `"` + Version + `"`},
		{"/api/v1/status/flags", nil, false, `{}`},
		{"/api/v1/status/config", nil, false, `"yaml"`},
		{"/api/v1/status/runtimeinfo", nil, false, `"storageRetention"`},
		{"/api/v1/status/tsdb", nil, false, `"numSeries":1`},
		{"/api/v1/targets", nil, false, `"activeTargets"`},
		{"/api/v1/alertmanagers", nil, false, `"activeAlertmanagers"`},
		{"/api/v1/format_query", url.Values{"query": {"sum(a)"}}, false, `"sum(a)"`},
	} {
		status, a := r.call(c.path, c.values, c.form)
		require.Equal(t, http.StatusOK, status, "%s: %s", c.path, a.Error)
		require.Equal(t, "success", a.Status, c.path)
		require.Contains(t, string(a.Data), c.want, c.path)
	}
	status, a := r.call("/api/v1/query", url.Values{"query": {"sum("}}, true)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, a.Error, "parse error")
	for _, path := range []string{"/-/healthy", "/-/ready", "/metrics"} {
		resp, err := http.Get(r.url + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
	}
}

func many(n int, value float64) (all []series) {
	for i := range n {
		all = append(all, series{"calls_total", fmt.Sprint(i), value})
	}
	return all
}

func TestSeriesBeyondTheBoundAreRefusedAndNoOthers(t *testing.T) {
	for _, m := range messages {
		t.Run(string(m), func(t *testing.T) {
			r := open(t, func(c *Config) { c.SeriesMax = 100 })
			_, err := r.write(m, r.from, many(80, 1)...)
			require.NoError(t, err)
			stats, err := r.write(m, r.from.Add(time.Second), many(150, 2)...)
			if m == remoteapi.WriteV2MessageType {
				require.ErrorContains(t, err, "series_max (100)")
				require.Equal(t, 100, stats.Samples)
			} else {
				require.NoError(t, err, "it can't say which")
			}
			values := r.query("calls_total")
			require.Len(t, values, 100)
			for id, v := range values {
				require.Equal(t, "2", v, id)
			}
			require.Equal(t, Stats{Series: 100, SeriesMax: 100, RefusedSamples: 50, Bytes: r.Stats().Bytes}, r.Stats())
			require.Positive(t, r.Stats().Bytes)
		})
	}
}

func TestAMillionSeriesOfferedStayWithinTheBound(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	var logged strings.Builder
	r := openLogged(t, &logged, func(c *Config) { c.SeriesMax = 10_000 })
	const each = 10_000
	for n := range 100 {
		all := many(each, 1)
		for i := range all {
			all[i].id = fmt.Sprintf("%d-%d", n, i)
		}
		stats, err := r.write(remoteapi.WriteV2MessageType, r.from.Add(time.Duration(n)*time.Second), all...)
		if n > 0 {
			require.Error(t, err)
			require.Zero(t, stats.Samples)
		}
		require.LessOrEqual(t, r.Stats().Series, int64(10_000))
	}
	require.Equal(t, uint64(990_000), r.Stats().RefusedSamples)
	require.Less(t, strings.Count(logged.String(), "\n"), 1000, "not one line a sample: %.1000s", logged.String())
}

func TestWhatWasAcknowledgedIsThereAfterTheProcessWasKilled(t *testing.T) {
	r := open(t, func(c *Config) { c.SeriesMax = 100 })
	_, err := r.write(remoteapi.WriteV2MessageType, r.from, many(100, 7)...)
	require.NoError(t, err)
	left := t.TempDir() // what a killed process leaves: its files as they are now
	require.NoError(t, os.CopyFS(left, os.DirFS(r.cfg.Directory)))
	require.NoError(t, os.Remove(filepath.Join(left, "lock")))
	again := open(t, func(c *Config) { c.Directory, c.SeriesMax = left, 50 })
	require.Len(t, again.query("calls_total"), 100, "all, although they are more than may be now")
	_, err = again.write(remoteapi.WriteV2MessageType, r.from.Add(time.Second), series{"calls_total", "new", 1})
	require.ErrorContains(t, err, "series_max")
	_, err = again.write(remoteapi.WriteV2MessageType, r.from.Add(time.Second), many(100, 8)...)
	require.NoError(t, err)
	require.Equal(t, "8", again.query("calls_total")["99"])
}

func TestRulesAreEvaluatedAndAlertsShown(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(`
groups:
  - name: test
    interval: 20ms
    rules:
      - {record: "calls:sum", expr: sum(calls_total)}
      - {alert: Many, expr: calls_total > 3, labels: {severity: page}}
`), 0o600))
	r := open(t, func(c *Config) { c.RuleFiles = []string{filepath.Join(dir, "*.yaml")} })
	_, err := r.write(remoteapi.WriteV2MessageType, time.Now(), series{"calls_total", "a", 4}, series{"calls_total", "b", 3})
	require.NoError(t, err)
	for r.query("calls:sum")[""] != "7" { // until the rules were evaluated
		require.NoError(t, t.Context().Err())
	}
	for alerts := (answer{}); !strings.Contains(string(alerts.Data), `"alertname":"Many"`); {
		_, alerts = r.call("/api/v1/alerts", nil, false)
	}
}

func TestWhatCannotBeOpenedSaysWhy(t *testing.T) {
	failsWith := func(want string, cfg Config) {
		t.Helper()
		_, err := Open(cfg, "localhost:9090", slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, want)
	}
	r := open(t, nil)
	failsWith(fmt.Sprintf("cannot open storage %q", r.cfg.Directory), r.cfg) // it is locked
	cfg := DefaultConfig()
	cfg.Directory = filepath.Join(r.cfg.Directory, "lock", "below")
	failsWith("cannot make directory", cfg)
	cfg.Directory = "/proc/self" // which nobody can write to
	failsWith(`cannot write to directory "/proc/self"`, cfg)
	cfg.Directory = t.TempDir()
	broken := filepath.Join(cfg.Directory, "rules.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("groups: [{name: a, rules: [{record: a, expr: 'sum('}]}]"), 0o600))
	cfg.RuleFiles = []string{broken}
	failsWith("cannot read rule files", cfg)
	cfg.RuleFiles = []string{"["}
	failsWith(`cannot use rule_files "["`, cfg)
}

func TestABadConfigurationSaysWhatIsWrong(t *testing.T) {
	cfg := Config{RetentionTime: time.Minute, ExemplarsMax: -1}
	err := cfg.Validate()
	for _, want := range []string{
		`directory must be named (got "")`, "retention_time must be at least 1h0m0s (got 1m0s)", "retention_mib must be at least 64 (got 0)",
		"exemplars_max must not be negative (got -1)", "series_max must be at least 1 (got 0)", "query_concurrency must be at least 1 (got 0)",
		"query_samples_max must be at least 1 (got 0)", "evaluation_interval must be a positive duration (got 0s)",
		"query_timeout must be a positive duration (got 0s)",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestBlocksAreAShortPartOfTheRetention(t *testing.T) {
	for retention, want := range map[time.Duration]time.Duration{
		time.Hour: 10 * time.Minute, 24 * time.Hour: 30 * time.Minute, 48 * time.Hour: time.Hour, 30 * 24 * time.Hour: 2 * time.Hour,
	} {
		require.Equal(t, want, blockFor(retention), retention)
	}
}

func TestTheVersionIsTheOneInUse(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	require.NoError(t, err)
	major, minor, _ := strings.Cut(Version, ".")
	minor, patch, _ := strings.Cut(minor, ".")
	require.Contains(t, string(mod), fmt.Sprintf("github.com/prometheus/prometheus v0.%s%02s.%s\n", major, minor, patch))
}
