package red

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var checkout = span{
	service: "checkout", name: "POST /orders", kind: ptrace.SpanKindServer, status: ptrace.StatusCodeError,
	duration: 7 * time.Millisecond,
	resource: map[string]any{
		"service.namespace": "shop", "deployment.environment": "production", "k8s.pod.name": "checkout-7d9",
		"service.instance.id": "a-pod",
	},
	attributes: map[string]any{"http.response.status_code": 503},
}

const (
	checkoutLabels = `{deployment.environment.name="production",http.response.status_code="503",instance="gateway-0",` +
		`job="shop/checkout",service.name="checkout",span.kind="SPAN_KIND_SERVER",span.name="POST /orders",` +
		`status.code="STATUS_CODE_ERROR",}`
	checkoutCalls = "traces.span.metrics.calls" + checkoutLabels
)

func checkoutConfig() Config {
	cfg := DefaultConfig()
	cfg.Dimensions = []Dimension{{Name: "http.response.status_code"}}
	return cfg
}

func TestFlushWritesNamesAttributesAndValuesAsDocumented(t *testing.T) {
	r := newRig(t, checkoutConfig(), Options{})
	r.observe(t, 0, tracesOf(t, checkout, checkout))
	md := r.flush(15 * time.Second)

	require.Equal(t, 1, md.ResourceMetrics().Len())
	rm := md.ResourceMetrics().At(0)
	assert.Equal(t, map[string]any{
		"service.name": "checkout", "service.namespace": "shop", "deployment.environment.name": "production",
		"service.instance.id": "gateway-0",
	}, rm.Resource().Attributes().AsRaw())
	require.Equal(t, 1, rm.ScopeMetrics().Len())
	assert.Equal(t, ScopeName, rm.ScopeMetrics().At(0).Scope().Name())
	metrics := rm.ScopeMetrics().At(0).Metrics()
	require.Equal(t, 2, metrics.Len())

	labels := map[string]any{
		"service.name": "checkout", "span.name": "POST /orders", "span.kind": "SPAN_KIND_SERVER",
		"status.code": "STATUS_CODE_ERROR", "deployment.environment.name": "production",
		"http.response.status_code": int64(503),
	}
	calls := metrics.At(0)
	assert.Equal(t, "traces.span.metrics.calls", calls.Name())
	assert.Empty(t, calls.Unit())
	require.Equal(t, 2, calls.Sum().DataPoints().Len())
	for i, want := range []int64{0, 2} {
		p := calls.Sum().DataPoints().At(i)
		assert.Equal(t, labels, p.Attributes().AsRaw())
		assert.Equal(t, want, p.IntValue())
	}
	duration := metrics.At(1)
	assert.Equal(t, "traces.span.metrics.duration", duration.Name())
	assert.Equal(t, "ms", duration.Unit())
	assert.Equal(t, pmetric.AggregationTemporalityCumulative, duration.Histogram().AggregationTemporality())
	require.Equal(t, 2, duration.Histogram().DataPoints().Len())
	p := duration.Histogram().DataPoints().At(1)
	assert.Equal(t, labels, p.Attributes().AsRaw())
	assert.Equal(t, []float64{2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10000, 15000},
		p.ExplicitBounds().AsRaw())
	assert.Equal(t, []uint64{0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, p.BucketCounts().AsRaw())
	assert.InDelta(t, 14.0, p.Sum(), 0)
	assert.False(t, p.HasMin())
}

func TestNewSeriesIsPrecededByZeroOneFlushEarlier(t *testing.T) {
	r := newRig(t, checkoutConfig(), Options{})
	read := newReader(t)
	read.read(r.flush(15 * time.Second)) // nothing yet
	assert.Empty(t, read.samples)
	r.observe(t, 0, tracesOf(t, checkout))
	read.read(r.flush(30 * time.Second))
	read.read(r.flush(45 * time.Second))
	r.observe(t, 0, tracesOf(t, checkout, checkout))
	read.read(r.flush(60 * time.Second))

	at := func(d time.Duration) int64 { return testStart.Add(d).UnixMilli() }
	zero := at(15*time.Second) + 1
	for key, want := range map[string][]sample{
		checkoutCalls: {
			{ms: zero},
			{ms: at(30 * time.Second), value: 1},
			{ms: at(45 * time.Second), value: 1},
			{ms: at(60 * time.Second), value: 3},
		},
		"traces.span.metrics.duration_count" + checkoutLabels: {
			{ms: zero},
			{ms: at(30 * time.Second), value: 1},
			{ms: at(45 * time.Second), value: 1},
			{ms: at(60 * time.Second), value: 3},
		},
		"traces.span.metrics.duration_sum" + checkoutLabels: {
			{ms: zero},
			{ms: at(30 * time.Second), value: 7},
			{ms: at(45 * time.Second), value: 7},
			{ms: at(60 * time.Second), value: 21},
		},
	} {
		assert.Equal(t, want, read.samples[key], key)
	}
	assert.Len(t, read.samples, 1+2+17)
}

func TestFirstZeroIsAtTheStart(t *testing.T) {
	r := newRig(t, checkoutConfig(), Options{})
	r.observe(t, 0, tracesOf(t, checkout))
	md := r.flush(15 * time.Second)
	p := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints()
	assert.Equal(t, testStart, p.At(0).Timestamp().AsTime())
	assert.Equal(t, testStart, p.At(1).StartTimestamp().AsTime())
	assert.Equal(t, testStart.Add(15*time.Second), p.At(1).Timestamp().AsTime())
}

func TestFlushTimesAscendWhateverTheClockSays(t *testing.T) {
	r := newRig(t, checkoutConfig(), Options{})
	read := newReader(t)
	for i, after := range []time.Duration{0, 0, -time.Hour, time.Microsecond, 2 * time.Second, 2 * time.Second} {
		s := checkout
		s.name += string(rune('a' + i)) // a new series with every flush
		r.observe(t, 0, tracesOf(t, checkout, s))
		read.read(r.flush(after)) // the reader checks the order
	}
	assert.InDelta(t, 6, read.increase(checkoutCalls), 0)
}

func TestDisabledHistogramLeavesCalls(t *testing.T) {
	cfg := checkoutConfig()
	cfg.Histogram.Disable = true
	cfg.Namespace = ""
	r := newRig(t, cfg, Options{})
	read := newReader(t)
	r.observe(t, 0, tracesOf(t, checkout))
	read.read(r.flush(time.Second))
	assert.Equal(t, []string{"calls" + checkoutLabels}, read.keys())
	assert.InDelta(t, 1, read.increase("calls"+checkoutLabels), 0)
}

func TestOwnDimensionsMakeOwnSeries(t *testing.T) {
	none := "none"
	cfg := DefaultConfig()
	cfg.Histogram.Unit = UnitSeconds
	cfg.ExcludeDimensions = []string{"span.kind", "status.code"}
	cfg.CallsDimensions = []Dimension{{Name: "http.response.status_code"}}
	cfg.Histogram.Dimensions = []Dimension{{Name: "region", Default: &none}}
	r := newRig(t, cfg, Options{})
	read := newReader(t)
	other := checkout
	other.attributes = map[string]any{"http.response.status_code": 200, "region": "eu"}
	third := checkout
	third.attributes = map[string]any{"http.response.status_code": 200}
	r.observe(t, 0, tracesOf(t, checkout, other, third))
	read.read(r.flush(time.Second))

	labels := func(extra string) string {
		return `{deployment.environment.name="production",` + extra + `service.name="checkout",span.name="POST /orders",}`
	}
	calls := func(code string) float64 {
		return read.increase("traces.span.metrics.calls" + labels(`http.response.status_code="`+code+
			`",instance="gateway-0",job="shop/checkout",`))
	}
	assert.InDelta(t, 1, calls("503"), 0)
	assert.InDelta(t, 2, calls("200"), 0)
	for region, want := range map[string]float64{"none": 0.014, "eu": 0.007} {
		key := "traces.span.metrics.duration_sum" + labels(`instance="gateway-0",job="shop/checkout",region="`+region+`",`)
		assert.InDelta(t, want, read.increase(key), 1e-15)
	}
}
