//go:build integration

package compliance

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
)

// A thousand series in several shards, a receiver that takes up to a second and a half for each request and refuses every
// fifth: the samples of every series come in order, and none is missing.
func TestOrder(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, message string) {
		delays := rand.New(rand.NewPCG(1, 2))
		to := newReceiver(t, func(n int, _ *http.Request) answer {
			a := answer{after: time.Duration(delays.Int64N(int64(1500 * time.Millisecond)))}
			if n%5 == 4 {
				a.status = http.StatusServiceUnavailable
			}
			return a
		})
		from := newTarget(t, counters(1000))
		p := start(t, from, to, message, "exporters: {prometheus_remote_write: {remote_write_queue: {num_consumers: 5}}}")
		harness.Wait(t, within, "6 scrapes", func() bool { return from.scrapes.Load() >= 6 })
		to.waitFor(t, 20)
		to.acceptFromNowOn()
		p.StopWithin(stopWithin)
		to.inOrder(t)
		assert.GreaterOrEqual(t, to.whole(t, 1000), 5)
		_, lost := to.refusedAnd()
		assert.Zero(t, lost)
	})
}
