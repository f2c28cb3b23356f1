//go:build integration

package compliance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
)

const leaving = `# TYPE leaving_gauge gauge
leaving_gauge 1
# TYPE leaving_counter counter
leaving_counter_total 2
# TYPE leaving_histogram histogram
leaving_histogram_bucket{le="1.0"} 3
leaving_histogram_bucket{le="+Inf"} 4
leaving_histogram_count 4
leaving_histogram_sum 5
# TYPE leaving_summary summary
leaving_summary{quantile="0.5"} 6
leaving_summary_count 7
leaving_summary_sum 8
`

// What a target says no more has a stale marker in every series, at once; what it goes on to say has none.
func TestStaleness(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, message string) {
		stay := counters(3)
		both := func(scrape int) string { return stay(scrape) + leaving }
		from := newTarget(t, both)
		to := newReceiver(t, acceptAll)
		p := start(t, from, to, message, "")
		to.waitFor(t, 2)
		from.page.Store(&stay)
		harness.Wait(t, within, "9 series ended", func() bool { return len(ended(to)) == 9 })
		from.page.Store(&both)
		harness.Wait(t, within, "they are back", func() bool { return len(ended(to)) == 0 })
		p.StopWithin(stopWithin)
		to.inOrder(t)
		succeeded, all := to.ups(t)
		for key, series := range to.accepted.Series() {
			markers := 0
			for _, sample := range series.Samples {
				if sample.Stale() {
					markers++
				}
			}
			want := 0
			if strings.HasPrefix(series.Name(), "leaving_") {
				want = 1
			}
			assert.GreaterOrEqual(t, markers, want, key)
			assert.LessOrEqual(t, markers, want+all-succeeded, "%s: a scrape that failed ends all series", key)
		}
	})
}

// ended returns the series whose last sample is a stale marker.
func ended(r *receiver) []string {
	var out []string
	for key, series := range r.accepted.Series() {
		if series.Ended() {
			out = append(out, key)
		}
	}
	return out
}
