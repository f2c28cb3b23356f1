package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

const exposition = `# HELP otelcol_otlp_slo_decision_lag_traces Decided traces
# TYPE otelcol_otlp_slo_decision_lag_traces counter
otelcol_otlp_slo_decision_lag_traces{lag_max="5ms",otel_scope_name="a"} 1e+02
otelcol_otlp_slo_decision_lag_traces{lag_max="2.5s",otel_scope_name="a"} 3
otelcol_otlp_slo_decision_lag_traces{lag_max="+Inf",otel_scope_name="a"} 0
otelcol_processor_tail_sampling_decision_lag_traces_total{lag_max="5ms"} 7
otelcol_otlp_slo_decision_lag{otel_scope_name="a"} 4000
otelcol_otlp_slo_early_decisions{otel_scope_name="a"} 12
go_goroutines 17
`

func TestLagsAreReadFromOwnTelemetry(t *testing.T) {
	l, err := parseLags(exposition)
	require.NoError(t, err)
	require.Equal(t, lags{traces: map[float64]float64{5: 107, 2500: 3, math.Inf(1): 0}, early: 12}, l)
	_, err = parseLags(`x_decision_lag_traces{lag_max="soon"} 1`)
	require.ErrorContains(t, err, "soon")
}

func TestTheLagOfAShareOfDecisionsIsTheBoundItLiesWithin(t *testing.T) {
	before := lags{traces: map[float64]float64{5: 1000, 10: 0, 50: 7, math.Inf(1): 1}}
	after := lags{traces: map[float64]float64{5: 1090, 10: 9, 50: 8, math.Inf(1): 1}}
	require.InDelta(t, 5, after.since(&before, 0.9), 0)
	require.InDelta(t, 10, after.since(&before, 0.99), 0)
	require.InDelta(t, 50, after.since(&before, 0.999), 0)
	require.True(t, math.IsNaN(before.since(&before, 0.99)))
	require.True(t, math.IsNaN((&lags{}).since(&lags{}, 0.99)))
	after.traces[math.Inf(1)] = 10
	require.True(t, math.IsInf(after.since(&before, 0.99), 1))
}
