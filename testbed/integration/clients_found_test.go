//go:build integration

package integration

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// foundSpans reads spans that a client sent, and checks whose they are.
func foundSpans(t *testing.T, td ptrace.Traces, r *sdkRun) []harness.SentSpan {
	t.Helper()
	var out []harness.SentSpan
	for _, rs := range td.ResourceSpans().All() {
		resource := rs.Resource().Attributes().AsRaw()
		require.Equal(t, r.service(), resource["service.name"])
		require.Equal(t, namespace, resource["service.namespace"])
		require.Equal(t, map[string]string{"go": "go", "node": "nodejs"}[r.language], resource["telemetry.sdk.language"])
		for _, ss := range rs.ScopeSpans().All() {
			require.Equal(t, "shop", ss.Scope().Name())
			for _, span := range ss.Spans().All() {
				out = append(out, foundSpan(t, span))
			}
		}
	}
	return out
}

func foundSpan(t *testing.T, span ptrace.Span) harness.SentSpan {
	t.Helper()
	out := harness.SentSpan{
		TraceID: span.TraceID().String(), SpanID: span.SpanID().String(), ParentID: span.ParentSpanID().String(),
		Name: span.Name(), Kind: strings.ToUpper(span.Kind().String()),
		Status: strings.ToUpper(span.Status().Code().String()), Message: span.Status().Message(),
		Start: int64(span.StartTimestamp()), End: int64(span.EndTimestamp()), Attributes: foundAttributes(t, span.Attributes()),
	}
	for _, e := range span.Events().All() {
		out.Events = append(out.Events, harness.SentEvent{
			Name: e.Name(), Time: int64(e.Timestamp()), Attributes: foundAttributes(t, e.Attributes()),
		})
	}
	for _, l := range span.Links().All() {
		out.Links = append(out.Links, harness.SentLink{TraceID: l.TraceID().String(), SpanID: l.SpanID().String()})
	}
	return out
}

// foundAttributes returns attributes as a client's output has them: numbers are float64.
func foundAttributes(t *testing.T, attributes pcommon.Map) map[string]any {
	t.Helper()
	text, err := json.Marshal(attributes.AsRaw())
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

// bySpanID sorts spans, and makes lists that are empty absent.
func bySpanID(spans []harness.SentSpan) []harness.SentSpan {
	out := slices.Clone(spans)
	for i := range out {
		if len(out[i].Events) == 0 {
			out[i].Events = nil
		}
		if len(out[i].Links) == 0 {
			out[i].Links = nil
		}
	}
	slices.SortFunc(out, func(a, b harness.SentSpan) int { return cmp.Compare(a.SpanID, b.SpanID) })
	return out
}

// standaloneBounds are the default ones.
var standaloneBounds = func() (bounds []time.Duration) {
	for _, ms := range []int{2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10000, 15000} {
		bounds = append(bounds, time.Duration(ms)*time.Millisecond)
	}
	return bounds
}()

// checkFoundRED compares calls and durations of all spans of a client with what Prometheus answers.
func checkFoundRED(t *testing.T, p *harness.Prometheus, r *sdkRun) {
	t.Helper()
	want := truth.NewRED(standaloneBounds)
	for _, span := range r.sent.Spans {
		dimension := func(name string) string {
			if v, ok := span.Attributes[name]; ok {
				return fmt.Sprint(v)
			}
			return ""
		}
		want.Observe(truth.Series{
			Service: r.service(), Operation: span.Name, Kind: span.Kind, Status: span.Status,
			Method: dimension("http.request.method"), Route: dimension("http.route"), Code: dimension("http.response.status_code"),
		}, time.Duration(span.End-span.Start), 1)
	}
	selector := fmt.Sprintf("%%s{service_name=%q,job=%q}", r.service(), namespace+"/"+r.service())
	var err error
	defer func() { require.NoError(t, err) }() // says what differs, where the wait ends the test
	harness.Wait(t, 60*time.Second, "calls and durations are the client's", func() bool {
		err = want.Diff(queryRED(t, p, standaloneBounds, time.Now(), selector), sumTolerance)
		return err == nil
	})
}

// inPrometheus is how the clients' metrics are named there.
var inPrometheus = map[string]string{
	"shop.orders":       "shop_orders_total",
	"shop.request.size": "shop_request_size_bytes",
	"shop.open":         "shop_open",
	"shop.stock":        "shop_stock",
}

// histogramBuckets is how many buckets the SDKs' default histogram has.
const histogramBuckets = 16

// checkFoundSeries compares a series of a client's own with what Prometheus answers.
func checkFoundSeries(t *testing.T, p *harness.Prometheus, service string, want harness.SentSeries) {
	t.Helper()
	labels := fmt.Sprintf("{job=%q,otel_scope_name=%q", namespace+"/"+service, "shop")
	for name, value := range want.Attributes {
		labels += fmt.Sprintf(",%s=%q", name, value)
	}
	query := func(suffix string) []harness.Sample {
		promql := inPrometheus[want.Name] + suffix + labels + "}"
		var found []harness.Sample
		harness.Wait(t, 60*time.Second, promql, func() bool {
			found = p.Query(promql, time.Now())
			return len(found) > 0
		})
		return found
	}
	one := func(suffix string) float64 {
		found := query(suffix)
		require.Len(t, found, 1, want.Name+suffix)
		return found[0].Value
	}
	if want.Observations == nil {
		require.Equal(t, want.Value, one(""), want.Name)
		return
	}
	sum := 0.0
	for _, v := range want.Observations {
		sum += v
	}
	require.EqualValues(t, len(want.Observations), one("_count"), want.Name)
	require.Equal(t, sum, one("_sum"), want.Name)
	buckets := query("_bucket")
	require.Len(t, buckets, histogramBuckets, want.Name)
	for _, bucket := range buckets {
		bound, err := strconv.ParseFloat(bucket.Labels["le"], 64)
		require.NoError(t, err)
		n := 0
		for _, v := range want.Observations {
			if v <= bound {
				n++
			}
		}
		require.EqualValues(t, n, bucket.Value, "%s up to %v", want.Name, bound)
	}
}

// logKeeper keeps the log records that a sink received, by service.
type logKeeper struct {
	mu      sync.Mutex // protects what follows
	records map[string][]plog.LogRecord
}

func (k *logKeeper) keep(ld plog.Logs) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, rl := range ld.ResourceLogs().All() {
		service, _ := rl.Resource().Attributes().Get("service.name")
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				if k.records == nil {
					k.records = map[string][]plog.LogRecord{}
				}
				k.records[service.AsString()] = append(k.records[service.AsString()], record)
			}
		}
	}
}

// checkFoundLogs compares a client's log records with what the sink received.
func checkFoundLogs(t *testing.T, k *logKeeper, r *sdkRun) {
	t.Helper()
	var got []harness.SentRecord
	harness.Wait(t, 60*time.Second, "logs are delivered", func() bool {
		got = k.of(t, r.service())
		return len(got) >= len(r.sent.Logs)
	})
	require.Equal(t, byID(r.sent.Logs), byID(got))
}

func (k *logKeeper) of(t *testing.T, service string) []harness.SentRecord {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []harness.SentRecord
	for _, r := range k.records[service] {
		trace, span := r.TraceID(), r.SpanID()
		out = append(out, harness.SentRecord{
			TraceID: hex.EncodeToString(trace[:]), SpanID: hex.EncodeToString(span[:]),
			Severity: int(r.SeverityNumber()), Body: r.Body().AsString(), Attributes: foundAttributes(t, r.Attributes()),
		})
	}
	return out
}

// byID sorts log records by the span within which each was written.
func byID(records []harness.SentRecord) []harness.SentRecord {
	return slices.SortedFunc(slices.Values(records), func(a, b harness.SentRecord) int { return cmp.Compare(a.SpanID, b.SpanID) })
}
