//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/load"
	"github.com/otelcol-slo/otelcol-slo/testbed/proc"
	"github.com/otelcol-slo/otelcol-slo/testbed/sink"
)

// shipped is configs/gateway.yaml under faults: what a test varies of it, and its addresses once it runs.
type shipped struct {
	memoryMiB int
	// decisionWait and decisionWaitMin default to 1 s; the rescue window is 1 s.
	decisionWait, decisionWaitMin time.Duration
	// extra is further keys of the receiver, indented by four.
	extra string

	grpc, http string
	otlp       *sink.OTLP
	remote     *sink.RemoteWrite
	collector  *harness.Collector
}

const rescueWindow = time.Second

// start starts sinks and a gateway that writes to them.
func (s *shipped) start(t *testing.T) {
	t.Helper()
	s.otlp = harness.OTLPSink(t, sink.OTLPOptions{})
	s.remote = harness.RemoteWriteSink(t)
	s.grpc, s.http = harness.FreeAddress(t), harness.FreeAddress(t)
	health, telemetry := harness.FreeAddress(t), harness.FreeAddress(t)
	s.collector = harness.RunCollector(t, s.options(t, health, telemetry), telemetry, s.grpc, s.http, health)
}

// options are those of a gateway that writes to the sinks.
func (s *shipped) options(t *testing.T, health, telemetry string) proc.Options {
	t.Helper()
	return proc.Options{
		Args: []string{
			"--config", filepath.Join(harness.Root(t), "configs", "gateway.yaml"),
			"--config", harness.WriteFile(t, "site.yaml", s.site(health, telemetry)),
		},
		Env: []string{
			"OTLP_ENDPOINT=" + s.otlp.Address(), "PROMETHEUS_URL=" + s.remote.URL(),
			fmt.Sprintf("MEMORY_LIMIT_MIB=%d", s.memoryMiB),
		},
	}
}

// site is what the test's gateway has different from the shipped one: addresses, waits that suit a test, the load's
// buckets and one SLO for every service.
func (s *shipped) site(health, telemetry string) string {
	if s.decisionWait == 0 {
		s.decisionWait = time.Second
	}
	if s.decisionWaitMin == 0 {
		s.decisionWaitMin = min(time.Second, s.decisionWait)
	}
	buckets := make([]string, len(load.Bounds))
	for i, b := range load.Bounds {
		buckets[i] = b.String()
	}
	host, port, _ := strings.Cut(telemetry, ":")
	return fmt.Sprintf(`
receivers:
  otlp_slo:
    protocols: {grpc: {endpoint: %s}, http: {endpoint: %s}}
    debug: {http: {endpoint: "127.0.0.1:0"}}
    sampling: {decision_wait: %v, decision_wait_min: %v, rescue_window: %v}
    red:
      metrics_flush_interval: 1s
      histogram: {explicit: {buckets: [%s]}}
    slo: {files: [], slos: [{name: requests, service: "*", objective: 99.9%%, errors: {}}]}
%s
extensions: {health_check: {endpoint: %s}}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: %s, port: %s}}}}]}}}
`, s.grpc, s.http, s.decisionWait, s.decisionWaitMin, rescueWindow, strings.Join(buckets, ", "), s.extra, health, host, port)
}

// reference returns the reference load with a share of traces that have an error.
func reference(t *testing.T, errors float64) *load.Plan {
	t.Helper()
	spec := load.Reference()
	spec.ErrorShare = errors
	plan, err := load.NewPlan(spec)
	require.NoError(t, err)
	return plan
}

// send begins to send a load over gRPC; refused requests are sent again.
func (s *shipped) send(t *testing.T, plan *load.Plan, o load.Options) *load.Generator {
	t.Helper()
	o.Retry = true
	g := load.Start(t.Context(), plan, harness.Sender(t, "grpc://"+s.grpc, ""), o)
	t.Cleanup(g.Stop)
	return g
}

// account is what became of all spans, as the gateway counts it. The keys are those of its last word.
type account struct {
	Accepted      uint64
	Delivered     uint64
	LateDelivered uint64 `json:"late_delivered"`
	Dropped       uint64
	LateDropped   uint64 `json:"late_dropped"`
	Truncated     uint64
	SendFailed    uint64 `json:"send_failed"`
	Lost          uint64
	// Left is what is held: while the gateway runs, spans that are still to be decided or sent.
	Left uint64
}

func (s *shipped) account() account {
	metrics := s.collector.Metrics()
	value := func(name, label, want string) uint64 {
		for _, m := range metrics[name] {
			if label == "" || m.Labels[label] == want {
				return uint64(m.Value)
			}
		}
		return 0
	}
	outcome := func(v string) uint64 { return value("otelcol_otlp_slo_spans", "outcome", v) }
	return account{
		Accepted:  value("otelcol_otlp_slo_accepted_spans", "", ""),
		Delivered: outcome("delivered"), LateDelivered: outcome("late_delivered"),
		Dropped: outcome("dropped"), LateDropped: outcome("late_dropped"),
		Truncated: outcome("truncated"), SendFailed: outcome("send_failed"), Lost: outcome("lost"),
		Left: value("otelcol_otlp_slo_held_spans", "state", "buffered") + value("otelcol_otlp_slo_held_spans", "state", "queued"),
	}
}

// stop ends the gateway and returns its last word on what became of all spans.
func (s *shipped) stop(t *testing.T, within time.Duration) account {
	t.Helper()
	s.collector.StopWithin(within)
	for line := range strings.Lines(s.collector.Output()) {
		if strings.Contains(line, "what became of accepted spans") {
			var a account
			require.NoError(t, json.Unmarshal([]byte(line), &a))
			return a
		}
	}
	t.Fatal("the gateway did not say what became of its spans")
	return account{}
}

// settle waits until nothing is held any more and returns what became of all spans.
func (s *shipped) settle(t *testing.T, within time.Duration) account {
	t.Helper()
	var a account
	harness.Wait(t, within, "everything is decided and sent", func() bool {
		a = s.account()
		return a.Left == 0
	})
	return a
}

// conserved checks that every acknowledged span is accounted for, by the generator's count, the sink's and the gateway's.
func (s *shipped) conserved(t *testing.T, acknowledged uint64, a account) {
	t.Helper()
	received := s.otlp.Stats()
	t.Logf("%d acknowledged; the gateway: %+v; the sink: %d distinct, %d again", acknowledged, a, received.Distinct, received.Duplicates)
	require.NotZero(t, acknowledged)
	assert.Equal(t, acknowledged, a.Accepted, "acknowledged = accepted")
	assert.Equal(t, acknowledged, received.Distinct+a.Dropped+a.LateDropped+a.SendFailed+a.Truncated+a.Left,
		"acknowledged = received by the sink + dropped + failed + truncated + left")
	assert.Equal(t, received.Distinct, a.Delivered+a.LateDelivered, "received by the sink = delivered")
	assert.Zero(t, a.Lost)
}

// complete checks the metrics of a load: RED and SLI count what was acknowledged, all of it and nothing else.
func (s *shipped) complete(t *testing.T, plan *load.Plan, g *load.Generator) {
	t.Helper()
	want := plan.RED(g.Acked())
	got, err := s.remote.RED(load.Bounds)
	require.NoError(t, err)
	assert.NoError(t, want.Diff(got, 1e-9), "RED")

	var good, bad uint64
	for series, counts := range want.Series {
		switch {
		case series.Kind != "SERVER":
		case series.Code >= "500":
			bad += counts.Calls
		default:
			good += counts.Calls
		}
	}
	assert.Equal(t, good, s.sli("good"), "SLI: good requests")
	assert.Equal(t, bad, s.sli("bad"), "SLI: bad requests")
	assert.Zero(t, s.remote.Stats().OutOfOrder)
	assert.Zero(t, s.remote.Stats().Invalid, s.remote.Stats().LastInvalid)
}

// sli returns the last values of slo_events_total with an outcome, added up over services.
func (s *shipped) sli(outcome string) uint64 {
	var n uint64
	for _, series := range s.remote.Series() {
		if last, ok := series.Last(); ok && series.Name() == "slo_events_total" && series.Labels["outcome"] == outcome {
			n += uint64(last.Value)
		}
	}
	return n
}

// nothingWorthKeepingIsLost checks that every acknowledged trace with an error, or of 500 ms and more, is at the sink with
// all its spans.
func (s *shipped) nothingWorthKeepingIsLost(t *testing.T, plan *load.Plan, g *load.Generator) {
	t.Helper()
	sampling, err := plan.Traces(g.Acked()).Check(s.otlp.Kept(), thresholdMS)
	assert.NoError(t, err)
	assert.NotZero(t, sampling.Must)
	t.Logf("kept: %d of %d traces with an error or slow, %d of %d others", sampling.MustKept, sampling.Must, sampling.OrdinaryKept, sampling.Ordinary)
}

// refusedWithAWait checks that every refusal of a load was one that asked to come back after a while.
func refusedWithAWait(t *testing.T, stats load.Stats) {
	t.Helper()
	t.Logf("%d requests acknowledged, refused %v", stats.Requests, stats.Refused)
	assert.NotZero(t, stats.Waits)
	assert.Equal(t, map[string]uint64{"ResourceExhausted": stats.Waits}, stats.Refused, stats.LastRefusal)
}

// withinBudget checks the most memory that was ever resident: the budget and a quarter.
func (s *shipped) withinBudget(t *testing.T) {
	t.Helper()
	u := s.collector.Usage()
	limit := uint64(s.memoryMiB) << 20 / 4 * 5
	t.Logf("resident at most %d MiB of %d MiB (budget %d MiB and a quarter)", u.PeakRSS>>20, limit>>20, s.memoryMiB)
	assert.LessOrEqual(t, u.PeakRSS, limit, "resident memory at its peak")
}
