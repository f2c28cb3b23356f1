//go:build integration

package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/dataset"
	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/replay"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

// The truth files' "error, or extent of at least 500 ms".
const thresholdMS = 499

// Recorded traffic, as fast as it goes, over both protocols: every series equal in count, sum and each bucket; the traces
// to be kept, whole, none twice, and no others.
func TestRecordedTrafficComesOutExact(t *testing.T) {
	for _, d := range datasets(t) {
		for _, protocol := range []string{"http+json", "grpc"} {
			t.Run(d.Name+"/"+protocol, func(t *testing.T) { replayExactly(t, d, protocol) })
		}
	}
}

func replayExactly(t *testing.T, d dataset.Dataset, protocol string) {
	red, err := d.RED()
	require.NoError(t, err)
	traces, err := d.Traces()
	require.NoError(t, err)
	rec, err := d.Recording()
	require.NoError(t, err)

	g := gateway{
		bounds: red.Bounds, thresholdMS: thresholdMS, decisionWait: 10 * time.Second, rescueWindow: 30 * time.Second,
		flush: time.Second, memoryMiB: 1024,
	}
	g.start(t)
	sender := harness.Sender(t, "http://"+g.http, send.ContentJSON)
	if protocol == "grpc" {
		sender = harness.Sender(t, "grpc://"+g.grpc, "")
		rec, err = rec.Protobuf()
		require.NoError(t, err)
	}
	result, err := replay.Send(t.Context(), rec, sender, replay.Options{Retry: true})
	require.NoError(t, err)
	require.NoError(t, result.Err(rec))
	t.Log(result)
	g.collector.StopWithin(30 * time.Second)

	got, err := g.remote.RED(red.Bounds)
	require.NoError(t, err)
	require.NoError(t, red.Diff(got, 1e-9))
	sampling, err := traces.Check(g.otlp.Kept(), thresholdMS)
	require.NoError(t, err)
	assert.Zero(t, sampling.OrdinaryKept)
	assert.Zero(t, g.otlp.Stats().Duplicates)
	assert.Zero(t, g.remote.Stats().OutOfOrder)
	assert.Zero(t, g.remote.Stats().Invalid, g.remote.Stats().LastInvalid)
}
