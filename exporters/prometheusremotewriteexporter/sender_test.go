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
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pmetric"

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

func TestHeaders(t *testing.T) {
	inBubble(t, func(t *testing.T, message remotewrite.Message) {
		h := newHarness(t, func(c *Config) { c.ProtobufMessage = message })
		e := &endpoint{answer: fail(503)}
		h.overPipes(e)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(1, 1000, 1)))
		require.NoError(t, h.Shutdown(context.Background()))
		requests := e.all()
		require.Len(t, requests, 2)
		want := map[string]string{
			"Content-Encoding": "snappy", "User-Agent": "otelcol-slo/1.2.3",
			"Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0",
		}
		if message == remotewrite.V2 {
			want["Content-Type"] = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
			want["X-Prometheus-Remote-Write-Version"] = "2.0.0"
		}
		for name, value := range want {
			assert.Equal(t, []string{value}, requests[0].header.Values(name), name)
		}
		assert.Empty(t, requests[0].header.Get("Retry-Attempt"))
		assert.Equal(t, "1", requests[1].header.Get("Retry-Attempt"))
	})
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
		h.config.ShutdownTimeout = 0
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestRetriesEndWithMaxElapsedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.Retry.MaxElapsedTime = 30 * time.Second })
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

func TestAnEndpointOf10IsSent10(t *testing.T) {
	for name, answer := range map[string]func(n int, r *received, w http.ResponseWriter) int{
		"it answers 415": func(n int, r *received, w http.ResponseWriter) int {
			if r.message == "2.0" {
				return http.StatusUnsupportedMediaType
			}
			return accept(n, r, w)
		},
		"it takes 2.0 for an empty request": func(int, *received, http.ResponseWriter) int { return http.StatusNoContent },
		"it cannot decode it": func(n int, r *received, w http.ResponseWriter) int {
			if r.message == "2.0" {
				return http.StatusBadRequest
			}
			return accept(n, r, w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, nil)
				e := &endpoint{answer: answer}
				h.overPipes(e)
				for i := range int64(3) {
					require.NoError(t, h.ConsumeMetrics(context.Background(), counters(2, 1000+i, 1)))
					time.Sleep(time.Second)
				}
				requests := e.all()
				require.Len(t, requests, 4)
				assert.Equal(t, "2.0", requests[0].message)
				for _, r := range requests[1:] {
					assert.Equal(t, "1.0", r.message)
				}
				assert.Equal(t, requests[0].series, requests[1].series, "nothing is lost by asking")
				values := h.values()
				assert.EqualValues(t, 1, values["protocol_fallback"])
				assert.EqualValues(t, 6, values["sent_samples{kind=sample}"])
				assert.NotContains(t, values, "written_samples")

				time.Sleep(remotewrite.ReprobeAfter)
				require.NoError(t, h.ConsumeMetrics(context.Background(), counters(2, 5000, 1)))
				time.Sleep(time.Second)
				assert.Equal(t, "2.0", e.all()[4].message, "it is asked again")
				assert.EqualValues(t, 8, h.values()["sent_samples{kind=sample}"])
				require.NoError(t, h.Shutdown(context.Background()))
			})
		})
	}
}

func TestWrittenHeadersAreAccounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		e := &endpoint{answer: func(n int, _ *received, w http.ResponseWriter) int {
			w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "3")
			return []int{200, 400}[n]
		}}
		h.overPipes(e)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(5, 1000, 1)))
		time.Sleep(time.Second)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(5, 2000, 1)))
		time.Sleep(time.Second)
		values := h.values()
		assert.EqualValues(t, 6, values["written_samples"])
		assert.EqualValues(t, 6, values["sent_samples{kind=sample}"])
		assert.EqualValues(t, 2, values["failed_samples{kind=sample,reason=not_written}"])
		assert.EqualValues(t, 2, values["failed_samples{kind=sample,reason=rejected}"])
		assert.EqualValues(t, 5, values["sent_metric_points"])
		assert.EqualValues(t, 5, values["send_failed_metric_points"])
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestARequestThatIsTooLargeIsSentInHalves(t *testing.T) {
	inBubble(t, func(t *testing.T, message remotewrite.Message) {
		h := newHarness(t, func(c *Config) { c.ProtobufMessage = message })
		e := &endpoint{answer: func(n int, r *received, w http.ResponseWriter) int {
			if len(r.series) > 3 || strings.Contains(r.series[0], `i="7"`) {
				return http.StatusRequestEntityTooLarge
			}
			return accept(n, r, w)
		}}
		h.overPipes(e)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(10, 1000, 1)))
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(10, 2000, 1)))
		time.Sleep(time.Second)
		taken := map[string]int{}
		var order []string
		for _, r := range e.all() {
			if len(r.series) <= 3 && !strings.Contains(r.series[0], `i="7"`) {
				for _, s := range r.series {
					taken[s]++
					order = append(order, s[strings.LastIndex(s, "@"):])
				}
			}
		}
		assert.Len(t, taken, 18, "all but the two that are too large by themselves")
		for s, n := range taken {
			assert.Equal(t, 1, n, s)
		}
		assert.IsIncreasing(t, []string{order[0], order[len(order)-1]})
		values := h.values()
		assert.EqualValues(t, 18, values["sent_samples{kind=sample}"])
		assert.EqualValues(t, 2, values["failed_samples{kind=sample,reason=too_large}"])
		assert.Zero(t, values["pending_samples"])
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

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
		h.config.ShutdownTimeout = 0
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
