package prometheusremotewriteexporter

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestAFullQueueRefusesTheWholePayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.Queue.MaxPendingBytes, c.MaxBatchSizeBytes = 100_000, 50_000 })
		e := &endpoint{answer: func(int, *received, http.ResponseWriter) int { return 503 }}
		h.overPipes(e)
		accepted := 0
		var err error
		for at := int64(1000); err == nil && at < 10_000; at++ {
			md := counters(20, at, 1)
			delta := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
			delta.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			delta.Sum().DataPoints().AppendEmpty()
			if err = h.ConsumeMetrics(context.Background(), md); err == nil {
				accepted++
			}
			assert.LessOrEqual(t, h.values()["pending_bytes"], int64(100_000))
		}
		require.ErrorIs(t, err, exporterhelper.ErrQueueIsFull)
		assert.False(t, consumererror.IsPermanent(err))
		values := h.values()
		assert.EqualValues(t, 21, values["enqueue_failed_metric_points"])
		assert.EqualValues(t, accepted, values["dropped_points{reason=delta_temporality}"], "what is refused is counted as refused only")
		assert.EqualValues(t, accepted, values["failed_translations"])
		assert.EqualValues(t, accepted*20, values["translated_time_series"])
		assert.EqualValues(t, accepted, values["queue_size"])

		err = h.ConsumeMetrics(context.Background(), counters(5000, 1, 1))
		assert.ErrorContains(t, err, "larger than the remote-write queue")
		assert.True(t, consumererror.IsPermanent(err), "what never has room need not come again")
		h.hurry()
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestWithoutAQueueTheCallerWaitsForTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.Queue.Enabled, c.Queue.NumConsumers = false, 4 })
		e := &endpoint{answer: func(n int, r *received, w http.ResponseWriter) int {
			time.Sleep(3 * time.Second)
			if strings.Contains(r.series[0], "@2000") {
				w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "0")
				return 400
			}
			return accept(n, r, w)
		}}
		h.overPipes(e)
		began := time.Now()
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(100, 1000, 1)))
		assert.Equal(t, 3*time.Second, time.Since(began), "shards send at the same time")
		assert.EqualValues(t, 100, h.values()["sent_metric_points"])
		err := h.ConsumeMetrics(context.Background(), counters(1, 2000, 1))
		assert.ErrorContains(t, err, "status 400")
		assert.True(t, consumererror.IsPermanent(err))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		assert.ErrorIs(t, h.ConsumeMetrics(ctx, counters(1, 3000, 1)), context.DeadlineExceeded)
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestShutdownSendsWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.Queue.NumConsumers = 3 })
		e := &endpoint{answer: func(n int, r *received, w http.ResponseWriter) int {
			if n < 3 {
				w.Header().Set("Retry-After", "120")
				return 503
			}
			return accept(n, r, w)
		}}
		h.overPipes(e)
		for at := range int64(10) {
			require.NoError(t, h.ConsumeMetrics(context.Background(), counters(50, 1000+at, 1)))
		}
		time.Sleep(time.Second)
		began := time.Now()
		require.NoError(t, h.Shutdown(context.Background()))
		assert.Less(t, time.Since(began), time.Second, "it does not wait out a Retry-After")
		sent := 0
		for _, r := range e.all()[3:] {
			sent += len(r.series)
		}
		assert.Equal(t, 500, sent)
		assert.ErrorIs(t, h.ConsumeMetrics(context.Background(), counters(1, 1, 1)), errShutdown)
		assert.NoError(t, h.Shutdown(context.Background()), "again")
	})
}

func TestShutdownCountsWhatItCannotSend(t *testing.T) {
	for name, answer := range map[string]func(int, *received, http.ResponseWriter) int{
		"the endpoint is down": func(int, *received, http.ResponseWriter) int { return 503 },
		"the endpoint hangs": func(int, *received, http.ResponseWriter) int {
			time.Sleep(time.Hour)
			return 200
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, func(c *Config) { c.Queue.NumConsumers = 3 })
				h.overPipes(&endpoint{answer: answer})
				require.NoError(t, h.ConsumeMetrics(context.Background(), counters(50, 1000, 1)))
				time.Sleep(time.Second)
				require.NoError(t, h.ConsumeMetrics(context.Background(), counters(50, 2000, 1)))
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				began := time.Now()
				require.NoError(t, h.Shutdown(ctx))
				assert.Equal(t, 2*time.Second, time.Since(began))
				values := h.values()
				assert.EqualValues(t, 100, values["failed_samples{kind=sample,reason=shutdown}"])
				assert.EqualValues(t, 100, values["send_failed_metric_points"])
				logs := h.logs.FilterMessage("shut down before everything was sent, the rest is lost").All()
				require.Len(t, logs, 1)
				assert.EqualValues(t, 100, logs[0].ContextMap()["samples"])
				time.Sleep(time.Hour) // lets the hanging endpoint go
			})
		})
	}
}
