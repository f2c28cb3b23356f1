package red

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func TestObserveDoesNotAllocate(t *testing.T) {
	for name, adapt := range map[string]func(*Config){
		"explicit":    nil,
		"exponential": func(c *Config) { c.Histogram.Exponential = &ExponentialConfig{} },
		"two families": func(c *Config) {
			c.CallsDimensions, c.Dimensions = c.Dimensions[:1], c.Dimensions[1:]
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, schema := benchAggregator(t, adapt)
			batches := benchBatches(schema, 8, 20)
			for _, b := range batches {
				a.Observe(0, b, testStart)
			}
			i := 0
			assert.Zero(t, testing.AllocsPerRun(100, func() {
				a.Observe(0, batches[i%len(batches)], testStart)
				i++
			}))
		})
	}
}

// A series that is seen for the first time since a flush allocates nothing either.
func TestObserveAfterADrainDoesNotAllocate(t *testing.T) {
	a, schema := benchAggregator(t, nil)
	batches := benchBatches(schema, 8, 20)
	i := 0
	round := func() {
		a.drain(&flush{now: millisecond(testStart)})
		a.Observe(i%2, batches[i%len(batches)], testStart)
		i++
	}
	for range 3 * len(batches) { // every table has grown
		round()
	}
	assert.Zero(t, testing.AllocsPerRun(100, round))
}

func TestConcurrentObserversLoseNothing(t *testing.T) {
	cfg := checkoutConfig()
	cfg.SeriesExpiration = time.Millisecond // series come and go all the time
	r := newRig(t, cfg, Options{Lanes: 2})
	read := newReader(t)
	const observers, rounds, series = 4, 200, 10
	requests := make([]*spanview.Batch, observers)
	for i := range requests {
		var spans []span
		for n := range series {
			s := checkout
			s.name = fmt.Sprint(n)
			spans = append(spans, s)
		}
		requests[i] = &spanview.Batch{}
		r.scan(t, tracesOf(t, spans...), requests[i])
	}
	var observing sync.WaitGroup
	for i, b := range requests {
		observing.Go(func() {
			for range rounds {
				r.Observe(i%2, b, time.Time{})
				r.Exemplar(b.Spans[0].Series, exemplarAt(1, 0, time.Second))
			}
		})
	}
	done := make(chan struct{})
	go func() { observing.Wait(); close(done) }()
	now := time.Duration(0)
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		now += time.Second
		read.read(r.flush(now))
		_, _ = r.Stats(), r.Bytes()
	}
	total := 0.0
	for key := range read.samples {
		if len(key) > 25 && key[:25] == "traces.span.metrics.calls" {
			total += read.increase(key)
		}
	}
	require.InDelta(t, observers*rounds*series, total, 0)
}
