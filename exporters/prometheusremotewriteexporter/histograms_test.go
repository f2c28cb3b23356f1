package prometheusremotewriteexporter

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// Prometheus 2.42 answers 500 to a request with a native histogram, unless they are switched on. The same request again
// would hold up the counters beside it until all of them are given up.
func TestWhereNativeHistogramsAreDisabledTheRestArrives(t *testing.T) {
	inBubble(t, func(t *testing.T, message remotewrite.Message) {
		h := newHarness(t, func(c *Config) { c.ProtobufMessage = message })
		e := &endpoint{}
		e.answer = func(n int, r *received, w http.ResponseWriter) int {
			if n%2 == 0 {
				_ = accept(n, r, w)
				w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "0")
				http.Error(w, "native histograms are disabled", http.StatusInternalServerError)
				return 0
			}
			if message == remotewrite.V2 {
				w.Header().Set("X-Prometheus-Remote-Write-Exemplars-Written", "3")
			}
			return accept(n, r, w)
		}
		h.overPipes(e)
		start := time.Now()
		for i := range 2 {
			at := start.Add(time.Duration(i+1) * time.Second)
			require.NoError(t, h.ConsumeMetrics(context.Background(), flush(start, at, i+1, true)))
			time.Sleep(time.Second)
		}
		assert.Len(t, e.all(), 4, "the rest follows at once, nothing is tried again")
		values := h.values()
		assert.EqualValues(t, 2*(1+5), values["sent_samples{kind=sample}"])
		assert.EqualValues(t, 2*3, values["sent_samples{kind=exemplar}"])
		assert.EqualValues(t, 2, values["failed_samples{kind=histogram,reason=rejected}"])
		assert.EqualValues(t, 2, values["failed_samples{kind=exemplar,reason=rejected}"], "those of the histograms")
		assert.EqualValues(t, 4, values["sent_metric_points"])
		assert.EqualValues(t, 2, values["send_failed_metric_points"])
		assert.NotContains(t, values, "retries")
		assert.Zero(t, values["pending_samples"])
		assert.Len(t, h.logs.FilterMessageSnippet("takes no native histograms").All(), 1)
		require.NoError(t, h.Shutdown(context.Background()))
	})
}

func TestACallerThatWaitsHearsOfRefusedHistograms(t *testing.T) {
	inBubble(t, func(t *testing.T, message remotewrite.Message) {
		h := newHarness(t, func(c *Config) { c.ProtobufMessage, c.Queue.Enabled = message, false })
		h.overPipes(&endpoint{answer: func(n int, r *received, w http.ResponseWriter) int {
			if n > 0 {
				return accept(n, r, w)
			}
			http.Error(w, "native histograms are disabled", http.StatusInternalServerError)
			return 0
		}})
		err := h.ConsumeMetrics(context.Background(), flush(time.Now(), time.Now().Add(time.Second), 1, true))
		assert.ErrorContains(t, err, "the endpoint refused native histograms with status 500")
		require.NoError(t, h.Shutdown(context.Background()))
	})
}
