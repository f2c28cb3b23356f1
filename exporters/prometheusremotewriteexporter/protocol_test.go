package prometheusremotewriteexporter

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

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

func TestAPageThatTheEndpointRedirectsToIsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *Config) { c.ProtobufMessage = remotewrite.V1 })
		e := &endpoint{}
		mux := http.NewServeMux()
		mux.Handle("/moved", e)
		mux.HandleFunc("/login", func(http.ResponseWriter, *http.Request) {})
		answers := []string{"/moved", "/login"}
		statuses := []int{http.StatusTemporaryRedirect, http.StatusFound}
		n := 0
		mux.HandleFunc("/api/v1/write", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, answers[n], statuses[n])
			n++
		})
		h.overPipes(mux)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(1, 1000, 1)))
		time.Sleep(time.Second)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(1, 2000, 1)))
		time.Sleep(time.Second)
		assert.Len(t, e.all(), 1, "a redirect that keeps the request is followed")
		values := h.values()
		assert.EqualValues(t, 1, values["sent_samples{kind=sample}"])
		assert.EqualValues(t, 1, values["failed_samples{kind=sample,reason=rejected}"])
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

func TestRefusedExemplarsLoseNoDataPoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		h.overPipes(&endpoint{answer: func(_ int, _ *received, w http.ResponseWriter) int {
			w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "2")
			return 400
		}})
		md := counters(2, 1000, 1)
		p := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0)
		exemplar(p.Exemplars().AppendEmpty(), 1, time.UnixMilli(1000), 1)
		require.NoError(t, h.ConsumeMetrics(context.Background(), md))
		time.Sleep(time.Second)
		values := h.values()
		assert.EqualValues(t, 2, values["sent_metric_points"])
		assert.NotContains(t, values, "send_failed_metric_points")
		assert.EqualValues(t, 1, values["failed_samples{kind=exemplar,reason=rejected}"])
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

// Nothing is too large that is as small as that: the endpoint refuses it for another reason.
func TestASmallRequestIsNotSplit(t *testing.T) {
	inBubble(t, func(t *testing.T, message remotewrite.Message) {
		h := newHarness(t, func(c *Config) { c.ProtobufMessage = message })
		e := &endpoint{answer: func(int, *received, http.ResponseWriter) int { return http.StatusRequestEntityTooLarge }}
		h.overPipes(e)
		require.NoError(t, h.ConsumeMetrics(context.Background(), counters(40, 1000, 1)))
		time.Sleep(time.Minute)
		assert.Len(t, e.all(), 1)
		assert.EqualValues(t, 40, h.values()["failed_samples{kind=sample,reason=too_large}"])
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
		random := rand.New(rand.NewPCG(1, 1))
		noise := make([]string, 10)
		for i := range noise {
			text := make([]byte, 3000)
			for j := range text {
				text[j] = 'a' + byte(random.IntN(26))
			}
			noise[i] = string(text)
		}
		for _, at := range []int64{1000, 2000} {
			md := counters(10, at, 1)
			for i, p := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().All() {
				p.Attributes().PutStr("noise", noise[i])
			}
			require.NoError(t, h.ConsumeMetrics(context.Background(), md))
		}
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
