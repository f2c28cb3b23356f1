//go:build integration

package compliance

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
)

// The other shipped configuration: what is not sent yet leaves at the end, whole.
func TestBatched(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, message string) {
		from, to := newTarget(t, counters(10)), newReceiver(t, acceptAll)
		p := harness.StartProgram(t, options(t, batched, from.address(), to.server.URL, message, ""))
		harness.Wait(t, within, "4 scrapes", func() bool { return from.scrapes.Load() >= 4 })
		p.StopWithin(stopWithin)
		to.inOrder(t)
		assert.GreaterOrEqual(t, to.whole(t, 10), 3)
		assert.Len(t, to.arrived(), 1, "what waits is one request, and leaves at the end")
	})
}

// A URL that nothing can be sent to is tried, and does not end the program.
func TestUnusableURL(t *testing.T) {
	for _, url := range []string{"invalid://localhost:9999", "http://nobody.invalid:9999/api/v1/write"} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			from := newTarget(t, counters(10))
			p := harness.StartProgram(t, options(t, immediate, from.address(), url, message2, ""))
			harness.Wait(t, within, "2 scrapes", func() bool { return from.scrapes.Load() >= 2 })
			p.StopWithin(stopWithin)
		})
	}
}
