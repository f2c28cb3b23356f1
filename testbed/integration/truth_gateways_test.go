//go:build integration

package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/dataset"
	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/replay"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// Two gateways have half of the traces each, of all series, and write to one Prometheus: the sums are the truth.
func TestTwoGatewaysAddUpToTheTruth(t *testing.T) {
	for _, d := range datasets(t) {
		t.Run(d.Name, func(t *testing.T) {
			data := read(t, d)
			tds, err := data.rec.Decode()
			require.NoError(t, err)
			prometheus := harness.StartPrometheus(t)
			writers := []string{"gateway-0", "gateway-1"}
			var gateways []*gateway
			for i, writer := range writers {
				g := newTruthGateway(data.red.Bounds)
				g.remoteWrite, g.extraRED = prometheus.RemoteWriteURL(), "      writer_id: "+writer
				g.start(t)
				gateways = append(gateways, g)
				half, err := replay.FromTraces(tracesWhere(tds, func(id truth.TraceID) bool { return int(id[15]&1) == i }))
				require.NoError(t, err)
				play(t, half, "grpc://"+g.grpc, 0)
			}
			for _, g := range gateways {
				g.collector.StopWithin(20 * time.Second)
			}

			const sum = "sum by (service_name, span_name, span_kind, status_code, le) (%s)"
			require.NoError(t, data.red.Diff(queryRED(t, prometheus, data.red.Bounds, time.Now(), sum), sumTolerance))
			increases := truth.NewRED(data.red.Bounds)
			for _, writer := range writers {
				selector := `instance="` + writer + `"`
				one := increaseRED(t, prometheus, data.red.Bounds, lastFlush(t, prometheus, selector), selector)
				require.NotZero(t, one.Calls())
				increases.Add(one, 1)
			}
			require.NoError(t, data.red.Diff(increases, sumTolerance))
			checkKept(t, data.traces, gateways...)
		})
	}
}

// A gateway that starts again goes on under the same labels: to Prometheus its counters were reset.
func TestARestartLosesNothing(t *testing.T) {
	data := read(t, dataset.Fixture())
	prometheus := harness.StartPrometheus(t)
	for range 2 {
		g := newTruthGateway(data.red.Bounds)
		g.remoteWrite, g.extraRED = prometheus.RemoteWriteURL(), "      writer_id: gateway-0"
		g.start(t)
		play(t, data.rec, "grpc://"+g.grpc, 0)
		g.collector.StopWithin(20 * time.Second)
	}
	at := lastFlush(t, prometheus, "")
	require.NoError(t, data.red.Diff(queryRED(t, prometheus, data.red.Bounds, at, "%s"), sumTolerance))
	twice := truth.NewRED(data.red.Bounds)
	twice.Add(data.red, 2)
	require.NoError(t, twice.Diff(increaseRED(t, prometheus, data.red.Bounds, at, ""), sumTolerance))
}
