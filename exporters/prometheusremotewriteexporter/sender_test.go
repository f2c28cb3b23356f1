package prometheusremotewriteexporter

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

var bothMessages = []remotewrite.Message{remotewrite.V1, remotewrite.V2}

// inBubble runs a test for both messages, in bubbles of simulated time.
func inBubble(t *testing.T, test func(t *testing.T, message remotewrite.Message)) {
	for _, message := range bothMessages {
		t.Run(string(message), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, message) })
		})
	}
}

func TestTheSameSamplesAreSentAgainUntilTheEndpointTakesThem(t *testing.T) {
	for _, status := range []int{500, 502, 503, 504, 429} {
		inBubble(t, func(t *testing.T, message remotewrite.Message) {
			h := newHarness(t, func(c *Config) { c.ProtobufMessage = message })
			e := &endpoint{answer: fail(status, status, status)}
			h.overPipes(e)
			require.NoError(t, h.ConsumeMetrics(context.Background(), counters(3, 1000, 1)))
			time.Sleep(time.Second)
			require.NoError(t, h.ConsumeMetrics(context.Background(), counters(3, 2000, 2)))
			time.Sleep(time.Second)
			requests := e.all()
			require.Len(t, requests, 5, "%d", status)
			for _, again := range requests[1:4] {
				assert.Equal(t, requests[0].series, again.series)
				assert.Equal(t, requests[0].message, again.message)
			}
			assert.Empty(t, requests[4].header.Get("Retry-Attempt"), "the next is a first attempt")
			values := h.values()
			assert.EqualValues(t, 3, values["retries"])
			assert.EqualValues(t, 5, values["sent_batches"])
			assert.EqualValues(t, 6, values["sent_samples{kind=sample}"])
			assert.EqualValues(t, 6, values["sent_metric_points"])
			assert.NotContains(t, values, "send_failed_metric_points")
			assert.Zero(t, values["pending_bytes"])
			require.NoError(t, h.Shutdown(context.Background()))
		})
	}
}

func TestWhatTheEndpointRejectsIsNeverSentAgain(t *testing.T) {
	for _, status := range []int{401, 403, 404, 409, 422, 400} {
		inBubble(t, func(t *testing.T, message remotewrite.Message) {
			h := newHarness(t, func(c *Config) { c.ProtobufMessage = message })
			e := &endpoint{answer: func(n int, r *received, w http.ResponseWriter) int {
				if n == 0 {
					return accept(n, r, w) // shows that it speaks the message
				}
				return status
			}}
			h.overPipes(e)
			for i := range int64(3) {
				require.NoError(t, h.ConsumeMetrics(context.Background(), counters(2, 1000+i, 1)))
				time.Sleep(time.Minute)
			}
			assert.Len(t, e.all(), 3, "%d", status)
			values := h.values()
			assert.EqualValues(t, 2, values["sent_metric_points"])
			assert.EqualValues(t, 4, values["send_failed_metric_points"])
			assert.EqualValues(t, 4, values["failed_samples{kind=sample,reason=rejected}"])
			assert.NotContains(t, values, "retries")
			require.NoError(t, h.Shutdown(context.Background()))
		})
	}
}

func TestRefusalsAreLoggedOnceAMinuteWithTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.ProtobufMessage = remotewrite.V1 })
		e := &endpoint{}
		h.overPipes(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "out of order sample "+strings.Repeat("x", 5000), http.StatusBadRequest)
		}))
		for range 100 {
			require.NoError(t, h.ConsumeMetrics(context.Background(), counters(1, 1000, 1)))
			time.Sleep(time.Second)
		}
		logs := h.logs.FilterMessage("the endpoint refused samples, they are lost").All()
		require.Len(t, logs, 2)
		text := logs[0].ContextMap()["response"].(string)
		assert.Len(t, text, 1024)
		assert.Contains(t, text, "out of order sample")
		assert.EqualValues(t, 59, logs[1].ContextMap()["other_requests"])
		assert.Empty(t, e.all())
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for name, header := range map[string]func(time.Time) string{
		"seconds": func(time.Time) string { return "17" },
		"date":    func(now time.Time) string { return now.Add(17 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHarness(t, nil)
					e := &endpoint{answer: func(n int, r *received, w http.ResponseWriter) int {
						if n > 0 {
							return accept(n, r, w)
						}
						w.Header().Set("Retry-After", header(r.at))
						return status
					}}
					h.overPipes(e)
					require.NoError(t, h.ConsumeMetrics(context.Background(), counters(1, 1000, 1)))
					time.Sleep(time.Minute)
					requests := e.all()
					require.Len(t, requests, 2)
					gap := requests[1].at.Sub(requests[0].at)
					assert.GreaterOrEqual(t, gap, 16*time.Second) // a date has whole seconds
					assert.LessOrEqual(t, gap, 17*time.Second)
					require.NoError(t, h.Shutdown(context.Background()))
				})
			})
		}
	}
}

func TestRetriesBackOffTo5Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		e := &endpoint{answer: func(int, *received, http.ResponseWriter) int { return 503 }}
		h.overPipes(e)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(1, 1000, 1)))
		time.Sleep(time.Minute)
		requests := e.all()
		require.Greater(t, len(requests), 10)
		var previous time.Duration
		for i := 1; i < len(requests); i++ {
			gap := requests[i].at.Sub(requests[i-1].at)
			assert.GreaterOrEqual(t, float64(gap), 0.8*float64(previous), "gap %d", i)
			assert.GreaterOrEqual(t, gap, 27*time.Millisecond)
			assert.LessOrEqual(t, gap, 5500*time.Millisecond)
			previous = gap
		}
		assert.Greater(t, previous, 4*time.Second)
		assert.Len(t, h.logs.FilterMessage("cannot write to the endpoint, will try again").All(), 1)
		h.hurry()
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestRetriesEndWithMaxRetryAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.MaxRetryAge = 30 * time.Second })
		e := &endpoint{answer: func(n int, r *received, w http.ResponseWriter) int {
			if strings.Contains(r.series[0], "@1000") {
				return 500 // a batch that the endpoint chokes on, for ever
			}
			return accept(n, r, w)
		}}
		h.overPipes(e)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(2, 1000, 1)))
		time.Sleep(time.Second)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(2, 2000, 1)))
		time.Sleep(time.Minute)
		values := h.values()
		assert.EqualValues(t, 2, values["failed_samples{kind=sample,reason=gave_up}"])
		assert.EqualValues(t, 2, values["sent_samples{kind=sample}"], "what waited behind it goes on")
		assert.Len(t, h.logs.FilterMessage("samples are given up").All(), 1)
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestWithoutRetriesAFailureIsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.Retry.Enabled = false })
		e := &endpoint{answer: fail(503)}
		h.overPipes(e)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(1, 1000, 1)))
		synctest.Wait()
		assert.Len(t, e.all(), 1)
		assert.EqualValues(t, 1, h.values()["failed_samples{kind=sample,reason=gave_up}"])
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestARequestThatTakesTooLongIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		e := &endpoint{answer: func(n int, r *received, w http.ResponseWriter) int {
			if n == 0 {
				time.Sleep(time.Minute)
			}
			return accept(n, r, w)
		}}
		h.overPipes(e)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(1, 1000, 1)))
		time.Sleep(2 * time.Minute)
		requests := e.all()
		require.Len(t, requests, 2)
		assert.Equal(t, requests[0].series, requests[1].series)
		assert.InDelta(t, 30*time.Second, requests[1].at.Sub(requests[0].at), float64(time.Second))
		require.NoError(t, h.Shutdown(context.Background()))
	})
}
