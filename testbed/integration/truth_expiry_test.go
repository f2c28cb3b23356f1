//go:build integration

package integration

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-slo/otelcol-slo/testbed/dataset"
	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
	"github.com/otelcol-slo/otelcol-slo/testbed/send"
	"github.com/otelcol-slo/otelcol-slo/testbed/truth"
)

// Series without spans are gone from instant queries minutes before Prometheus would forget them, their buckets too, while
// one that goes on stays. When they come back, increase() over both lives is the truth.
func TestAnExpiredSeriesIsGoneAtOnceAndComesBackExact(t *testing.T) {
	const (
		expiration = 2 * time.Second
		others     = `service_name!="heartbeat"`
	)
	data := read(t, dataset.Fixture())
	prometheus := harness.StartPrometheus(t)
	g := newTruthGateway(data.red.Bounds)
	g.remoteWrite, g.extraRED = prometheus.RemoteWriteURL(), "      series_expiration: "+expiration.String()
	g.start(t)
	stopBeating := heartbeat(t, "grpc://"+g.grpc)

	all := "%s{" + others + "}"
	play(t, data.rec, "grpc://"+g.grpc, 0)
	harness.Wait(t, expiration, "the series are there", func() bool { return len(prometheus.Query(redMetrics[0]+"{"+others+"}", time.Now())) > 0 })
	harness.Wait(t, 20*time.Second, "the series are gone", func() bool {
		return len(queryRED(t, prometheus, data.red.Bounds, time.Now(), all).Series) == 0
	})
	last := lastAlive(t, prometheus, redMetrics[0]+"{"+others+"}")
	require.NoError(t, data.red.Diff(queryRED(t, prometheus, data.red.Bounds, last, all), sumTolerance), "the first life")
	gone := last.Add(3 * g.flush)
	for _, name := range redMetrics {
		require.Empty(t, prometheus.Query(name+"{"+others+"}", gone), name)
		require.NotEmpty(t, prometheus.Query(name+`{service_name="heartbeat"}`, gone), name)
	}

	play(t, data.rec, "grpc://"+g.grpc, 0)
	stopBeating()
	g.collector.StopWithin(20 * time.Second)
	at := lastFlush(t, prometheus, others)
	require.NoError(t, data.red.Diff(queryRED(t, prometheus, data.red.Bounds, at, all), sumTolerance), "the second life")
	both := truth.NewRED(data.red.Bounds)
	both.Add(data.red, 2)
	require.NoError(t, both.Diff(increaseRED(t, prometheus, data.red.Bounds, at, others), sumTolerance), "both lives")
}

// lastAlive is the time of the newest sample of series that are gone.
func lastAlive(t *testing.T, p *harness.Prometheus, selector string) time.Time {
	t.Helper()
	got := p.Query("max(max_over_time(timestamp("+selector+")[1m:50ms]))", time.Now())
	require.Len(t, got, 1)
	return time.UnixMilli(int64(math.Round(got[0].Value * 1000)))
}

// heartbeat sends one span every 200 ms until it is stopped.
func heartbeat(t *testing.T, to string) (stop func()) {
	t.Helper()
	sender := harness.Sender(t, to, "")
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	ticker := time.NewTicker(200 * time.Millisecond)
	go func() {
		defer close(stopped)
		defer ticker.Stop()
		for n := byte(1); ; n++ {
			if o := sender.Send(t.Context(), send.Traces, beat(t, n)); o.Code != send.OK {
				t.Errorf("a heartbeat was refused: %+v", o)
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-stopped
	}
}

func beat(t *testing.T, n byte) []byte {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "heartbeat")
	s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{n})
	s.SetSpanID(pcommon.SpanID{n})
	s.SetName("beat")
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Error(err)
	}
	return body
}
