package red

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func limited(limit int) Config {
	cfg := DefaultConfig()
	cfg.Histogram.Disable = true
	cfg.AggregationCardinalityLimit = limit
	cfg.SeriesExpiration = time.Minute
	return cfg
}

// many returns n spans of a service, each with a name of its own.
func many(service string, n int) (spans []span) {
	for i := range n {
		spans = append(spans, span{service: service, name: fmt.Sprintf("%s-%d", service, i)})
	}
	return spans
}

const overflowCalls = `traces.span.metrics.calls{instance="gateway-0",job=%q,otel.metric.overflow="true",service.name=%[1]q,}`

func TestExplodingServiceLeavesHalfOfTheRoom(t *testing.T) {
	r := newRig(t, limited(100), Options{})
	read := newReader(t)
	r.observe(t, 0, tracesOf(t, many("exploding", 1000)...))
	assert.Equal(t, 50, r.Stats().Series)
	r.observe(t, 0, tracesOf(t, many("small", 20)...))
	assert.Equal(t, 70, r.Stats().Series)
	read.read(r.flush(15 * time.Second))
	assert.InDelta(t, 950, read.increase(fmt.Sprintf(overflowCalls, "exploding")), 0)
	assert.False(t, read.present(fmt.Sprintf(overflowCalls, "small")))
	assert.Len(t, read.samples, 50+1+20)
	assert.Equal(t, Stats{Series: 70, SeriesLimit: 100, OverflowSeries: 1, Services: 2, OverflowSpans: 950}, r.Stats())
}

func TestExplodingServicesLeaveAnEqualPart(t *testing.T) {
	r := newRig(t, limited(1000), Options{})
	for i := range 500 { // side by side
		for k := range 4 {
			service := fmt.Sprintf("exploding-%d", k)
			r.observe(t, 0, tracesOf(t, span{service: service, name: fmt.Sprint(i)}))
		}
	}
	assert.Equal(t, 800, r.Stats().Series)
}

func TestOverflowSpansAreCountedOnceWhateverTheHistory(t *testing.T) {
	r := newRig(t, limited(50), Options{Lanes: 2})
	read := newReader(t)
	sent := map[string]float64{}
	for flush := range 12 {
		for k := range 30 {
			service := fmt.Sprintf("s%d", k)
			spans := many(service, 1+(flush*k)%7)
			sent[service] += float64(len(spans))
			r.observe(t, k%2, tracesOf(t, spans...))
		}
		read.read(r.flush(time.Duration(flush+1) * 40 * time.Second))
		stats := r.Stats()
		require.LessOrEqual(t, stats.Series, 50)
		require.LessOrEqual(t, stats.OverflowSeries, 5+1)
	}
	total, want := 0.0, 0.0
	for _, key := range read.keys() {
		total += read.increase(key)
	}
	for _, n := range sent {
		want += n
	}
	assert.InDelta(t, want, total, 0)
}

func TestServicesBeyondAllBoundsShareOneSeries(t *testing.T) {
	r := newRig(t, limited(10), Options{})
	read := newReader(t)
	for k := range 40 {
		r.observe(t, 0, tracesOf(t, many(fmt.Sprintf("s%d", k), 2)...))
	}
	read.read(r.flush(15 * time.Second))
	const shared = `traces.span.metrics.calls{instance="gateway-0",otel.metric.overflow="true",}`
	stats := r.Stats()
	assert.Equal(t, 10, stats.Series)
	assert.Equal(t, 2, stats.OverflowSeries)
	assert.InDelta(t, 69, read.increase(shared), 0)

	read.read(r.flush(2 * time.Minute)) // all expire
	assert.Equal(t, Stats{SeriesLimit: 10, OverflowSpans: stats.OverflowSpans, ExpiredSeries: 12}, r.Stats())
	assert.Empty(t, r.registry.resources)
	assert.Empty(t, r.resources)
	r.observe(t, 0, tracesOf(t, many("s39", 2)...))
	assert.Equal(t, 2, r.Stats().Series, "room is free again")
}

func TestLaneTableIsBoundedWhateverTheSpellings(t *testing.T) {
	r := newRig(t, limited(20), Options{})
	read := newReader(t)
	var spans []span
	for i := range 5000 {
		// Texts that differ in invalid bytes only: one label.
		odd := "a" + string([]byte{0x80 | byte(i), 0x80 | byte(i>>6), 0xff})
		spans = append(spans, span{service: "s", name: odd}, span{service: odd, name: "s"})
	}
	r.observe(t, 0, tracesOf(t, spans...))
	entries := len(r.lanes[0].tables[0].entries)
	assert.LessOrEqual(t, entries, 2*r.registry.seriesMax())
	assert.LessOrEqual(t, r.Stats().Series, 20)
	read.read(r.flush(time.Second))
	total := 0.0
	for _, key := range read.keys() {
		total += read.increase(key)
	}
	assert.InDelta(t, 10_000, total, 0)
}

func TestOverflowSharesTheResourceOfItsService(t *testing.T) {
	r := newRig(t, limited(2), Options{})
	r.observe(t, 0, tracesOf(t, many("s", 5)...))
	md := r.flush(time.Second)
	require.Equal(t, 1, md.ResourceMetrics().Len())
}
