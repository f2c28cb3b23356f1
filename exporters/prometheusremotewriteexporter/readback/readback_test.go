//go:build integration

package readback

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
)

const (
	million         = 1_000_000
	hundredThousand = 100_000
)

const (
	one = "prometheus.WriteRequest"
	two = "io.prometheus.write.v2.Request"
)

// Prometheus, of the version whose module is in use.
func TestPrometheusHasAMillionSamplesToTheBit(t *testing.T) {
	for message, pending := range map[string]int{one: 64 << 20, two: 6 << 20} { // with the smaller queue payloads have to wait
		t.Run(message, func(t *testing.T) {
			tr := newTraffic(million)
			expected := tr.expected()
			n := tr.totals(expected)
			p := harness.StartPrometheusWith(t, harness.PrometheusOptions{Exemplars: n.exemplars})
			values := tr.send(t, n, map[string]any{
				"endpoint": p.RemoteWriteURL(), "protobuf_message": message,
				"remote_write_queue": map[string]any{"max_pending_bytes": pending},
			})
			values.checkAccount(t, n)
			assert.Zero(t, values["protocol_fallback"])
			if message == two {
				assert.EqualValues(t, n.samples, values["written_samples"])
				assert.EqualValues(t, n.histograms, values["written_histograms"])
				assert.EqualValues(t, n.exemplars, values["written_exemplars"])
			}
			checkSamples(t, expected, p)
			checkExemplars(t, &tr, expected, p)
			checkEnds(t, &tr, expected, p)
		})
	}
}

// One that is told to take 1.0 alone answers 415 to 2.0.
func TestPrometheusOf10AloneHasEverySampleToTheBit(t *testing.T) {
	tr := newTraffic(hundredThousand)
	expected := tr.expected()
	n := tr.totals(expected)
	p := harness.StartPrometheusWith(t, harness.PrometheusOptions{Exemplars: n.exemplars, Message: one})
	values, answers := tr.sendToOld(t, n, p)
	values.checkAccount(t, n)
	assert.Contains(t, answers, "2.0.0 answered 415 without an account")
	checkSamples(t, expected, p)
	checkExemplars(t, &tr, expected, p)
}
