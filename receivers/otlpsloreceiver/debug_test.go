package otlpsloreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/grpc"
)

func withDebug() option {
	return withConfig(func(c *Config) { c.Debug.HTTP.GetOrInsertDefault().NetAddr.Endpoint = "127.0.0.1:0" })
}

func (r *running) ask(t *testing.T, path string) answer {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.debug.Addr().String()+path, http.NoBody)
	require.NoError(t, err)
	return do(t, q)
}

func decodeAnswer[T any](t *testing.T, a answer) (out T) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.code)
	require.NoError(t, json.Unmarshal(a.body, &out))
	return out
}

func TestRefusedRequestsAreShownWithTheirSenders(t *testing.T) {
	r := start(t, withDebug())
	require.Empty(t, decodeAnswer[[]refusedRequest](t, r.ask(t, "/refusals")))
	conn := r.dial(t, grpc.WithUserAgent("checkout-sdk/1"))
	_, err := export(t.Context(), conn, signalTraces, []byte{1, 2, 3})
	require.Error(t, err)
	require.Equal(t, 400, r.post(t, "/v1/traces", protobufType, "", []byte{1, 2, 3, 4}).code)
	require.Equal(t, 415, r.post(t, "/v1/logs", "text/plain", "", []byte("hello")).code)

	_, err = export(t.Context(), conn, signalMetrics, make([]byte, 5<<20))
	require.Error(t, err)

	got := decodeAnswer[[]refusedRequest](t, r.ask(t, "/refusals"))
	require.Len(t, got, 4)
	require.Equal(t, "too_large", got[0].Reason)
	require.EqualValues(t, 5<<20, got[0].Bytes)
	got = got[1:]
	for _, q := range got {
		require.WithinDuration(t, time.Now(), q.Time, time.Minute)
		require.True(t, strings.HasPrefix(q.Sender, "127.0.0.1:"), q.Sender)
		require.NotEmpty(t, q.Error)
	}
	short := func(q refusedRequest) string {
		return fmt.Sprint(q.Transport, " ", q.Signal, " ", q.Reason, " ", q.Bytes)
	}
	require.Equal(t, []string{"http logs wrong_content_type 5", "http traces malformed 4", "grpc traces malformed 3"},
		[]string{short(got[0]), short(got[1]), short(got[2])})
	require.Contains(t, got[2].UserAgent, "checkout-sdk/1")
	require.Contains(t, got[0].UserAgent, "Go-http-client")

	text := string(r.ask(t, "/").body)
	require.Contains(t, text, "checkout-sdk/1")
	require.Equal(t, `a\x1b[2J\nb`, printable("a\x1b[2J\nb"), "nothing that moves a terminal's cursor")
}

// Of a reason the latest are remembered, and they push out none of another.
func TestTheLatestRefusalsOfEachReasonAreKept(t *testing.T) {
	r := &refused{}
	r.add(transportHTTP, signalLogs, reasonMethod, "once", sender{})
	for i := range 100 {
		r.add(transportGRPC, signalTraces, reasonNoBudget, strings.Repeat("x", 1000), sender{bytes: int64(i)})
	}
	got := r.list()
	require.Len(t, got, latestKept+1)
	require.Equal(t, "once", got[latestKept].Error)
	for i := range latestKept {
		require.Equal(t, int64(99-i), got[i].Bytes)
		require.Len(t, got[i].Error, textKept)
	}
	require.Equal(t, uint64(100), r.counts[transportGRPC][signalTraces][reasonNoBudget].Load())
}

func TestServicesAreShownByWhatCameOfThem(t *testing.T) {
	r := start(t, withDebug())
	send := func(service string, id byte, spans int, failed bool) {
		td := traceOf(id, spans, failed)
		td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", service)
		sendGRPC(t, r, td)
	}
	send("cart", 1, 2, true)
	send("tax", 2, 5, false)
	send("cart", 3, 1, true)
	r.await(t, 2, "otelcol_processor_tail_sampling_global_count_traces_sampled", "decision", "sampled")
	r.await(t, 3, "otelcol_otlp_slo_spans", "outcome", "delivered")

	lines := decodeAnswer[[]serviceLine](t, r.ask(t, "/services"))
	require.Len(t, lines, 2)
	tax, cart := lines[0], lines[1]
	require.Equal(t, "tax", tax.Service)
	require.Equal(t, uint64(5), tax.Spans)
	require.Greater(t, tax.Bytes, cart.Bytes)
	require.Zero(t, tax.KeptTraces)
	require.Equal(t, "cart", cart.Service)
	require.Equal(t, uint64(3), cart.Spans)
	require.Equal(t, uint64(2), cart.KeptTraces)
	require.Positive(t, cart.Series)

	lines = decodeAnswer[[]serviceLine](t, r.ask(t, "/services?by=kept_traces&limit=1"))
	require.Equal(t, []serviceLine{cart}, lines)
	require.Contains(t, string(r.ask(t, "/?by=series").body), "cart")
	for _, path := range []string{"/services?by=age", "/?limit=0", "/services?limit=many"} {
		require.Equal(t, http.StatusBadRequest, r.ask(t, path).code, path)
	}
	require.Equal(t, http.StatusNotFound, r.ask(t, "/other").code)
}

func TestFlushLagGrowsWhileFlushesAreRefused(t *testing.T) {
	refuse := true
	r := start(t, withOutlet(func(o *outlet) {
		o.metrics = func(context.Context, pmetric.Metrics) error {
			if refuse {
				return errors.New("not now")
			}
			return nil
		}
	}))
	sendGRPC(t, r, traceOf(1, 1, false))
	r.telemetry.flushed.Store(time.Now().Add(-time.Hour).UnixMilli())
	r.flush(t.Context(), time.Now())
	require.GreaterOrEqual(t, r.figure(t, "otelcol_otlp_slo_flush_lag"), time.Hour.Milliseconds())
	refuse = false
	r.flush(t.Context(), time.Now())
	require.Less(t, r.figure(t, "otelcol_otlp_slo_flush_lag"), time.Minute.Milliseconds())
}
