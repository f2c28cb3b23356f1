//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/otelcol-slo/otelcol-slo/testbed/dataset"
	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/replay"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
)

// Log records arrive, all of them, over both protocols.
func TestLogsPassThrough(t *testing.T) {
	recordings := map[string]*replay.Recording{"generated": generatedLogs(t, 100)}
	shared, err := dataset.SharedLogs(harness.Root(t))
	require.NoError(t, err)
	for _, d := range shared {
		rec, err := d.Recording()
		require.NoError(t, err)
		// A few records have a time before 1970, for which OTLP has no number: a receiver can't read their requests.
		rec.Requests = slices.DeleteFunc(rec.Requests[:min(len(rec.Requests), 2000)], func(q replay.Request) bool {
			return bytes.Contains(q.Body, []byte(`UnixNano":"-`))
		})
		recordings[d.Name] = rec
	}
	for name, rec := range recordings {
		t.Run(name, func(t *testing.T) {
			records, err := rec.LogRecords()
			require.NoError(t, err)
			protobuf, err := rec.Protobuf()
			require.NoError(t, err)

			g := newTruthGateway([]time.Duration{time.Second})
			g.start(t)
			play(t, protobuf, "grpc://"+g.grpc, 0)
			want := records
			if rec.JSON {
				result, err := replay.Send(t.Context(), rec, harness.Sender(t, "http://"+g.http, send.ContentJSON), replay.Options{})
				require.NoError(t, err)
				require.NoError(t, result.Err(rec))
				want += records
			}
			g.collector.StopWithin(20 * time.Second)
			t.Logf("%d records sent", want)
			require.EqualValues(t, want, g.otlp.Stats().Records)
		})
	}
}

func generatedLogs(t *testing.T, requests int) *replay.Recording {
	t.Helper()
	rec := &replay.Recording{Signal: send.Logs}
	for range requests {
		ld := plog.NewLogs()
		records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		for range 20 {
			records.AppendEmpty().Body().SetStr("order refused")
		}
		body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
		require.NoError(t, err)
		rec.Requests = append(rec.Requests, replay.Request{Body: body})
	}
	return rec
}

// Points of metrics arrive, all of them with their values and in order, over both protocols.
func TestMetricsPassThrough(t *testing.T) {
	const requests, series = 50, 20
	g := newTruthGateway([]time.Duration{time.Second})
	g.start(t)
	start := time.Now()
	senders := []send.Sender{harness.Sender(t, "grpc://"+g.grpc, ""), harness.Sender(t, "http://"+g.http, send.ContentProtobuf)}
	for i := range requests {
		body := gauges(t, series, start.Add(time.Duration(i)*time.Millisecond), i)
		require.Equal(t, send.OK, senders[i%len(senders)].Send(t.Context(), send.Metrics, body).Code)
	}
	g.collector.StopWithin(20 * time.Second)

	found := 0
	for key, s := range g.remote.Series() {
		if s.Name() != "orders" {
			continue
		}
		found++
		require.Len(t, s.Samples, requests, key)
		for i, sample := range s.Samples {
			require.EqualValues(t, i, sample.Value, key)
		}
	}
	require.Equal(t, series, found)
	require.Zero(t, g.remote.Stats().OutOfOrder)
	t.Logf("%d points sent", requests*series)
}

// gauges returns a request with one point of each series, all of one value.
func gauges(t *testing.T, series int, at time.Time, value int) []byte {
	t.Helper()
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("orders")
	points := m.SetEmptyGauge().DataPoints()
	for i := range series {
		p := points.AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.SetIntValue(int64(value))
		p.Attributes().PutStr("shop", fmt.Sprint(i))
	}
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(t, err)
	return body
}
