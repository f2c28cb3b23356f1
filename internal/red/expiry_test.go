package red

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestIdleSeriesIsMarkedStaleWithAllItsBuckets(t *testing.T) {
	cfg := checkoutConfig()
	cfg.SeriesExpiration = time.Minute
	r := newRig(t, cfg, Options{})
	read := newReader(t)
	busy := checkout
	busy.name = "GET /"
	r.observe(t, 0, tracesOf(t, checkout, busy))
	read.read(r.flush(15 * time.Second))
	for after := 30 * time.Second; after < 75*time.Second; after += 15 * time.Second {
		r.observe(t, 0, tracesOf(t, busy))
		read.read(r.flush(after))
		assert.True(t, read.present(checkoutCalls), "idle for %s", after-15*time.Second)
	}
	r.observe(t, 0, tracesOf(t, busy))
	read.read(r.flush(75 * time.Second)) // a minute after the flush that last found it counted
	stale := 0
	for _, key := range read.keys() {
		assert.Equal(t, strings.Contains(key, `"GET /"`), read.present(key), key)
		if !read.present(key) {
			stale++
		}
	}
	assert.Equal(t, 1+2+17, stale)
	assert.Equal(t, Stats{Series: 1, SeriesLimit: 100_000, Services: 1, ExpiredSeries: 1}, r.Stats())

	points := len(read.samples[checkoutCalls])
	read.read(r.flush(90 * time.Second))
	assert.Len(t, read.samples[checkoutCalls], points, "a forgotten series is written no more")
}

func TestSeriesThatReturnsStartsAnew(t *testing.T) {
	cfg := checkoutConfig()
	cfg.SeriesExpiration = time.Minute
	r := newRig(t, cfg, Options{})
	read := newReader(t)
	first := r.observe(t, 0, tracesOf(t, checkout, checkout))
	read.read(r.flush(15 * time.Second))
	read.read(r.flush(75 * time.Second)) // stale
	second := r.observe(t, 0, tracesOf(t, checkout))
	read.read(r.flush(90 * time.Second))
	assert.NotEqual(t, first[0], second[0], "ids are not used again")
	assert.InDelta(t, 3, read.increase(checkoutCalls), 0)
	at := func(d time.Duration) int64 { return testStart.Add(d).UnixMilli() }
	assert.Equal(t, []sample{
		{ms: at(0)},
		{ms: at(15 * time.Second), value: 2},
		{ms: at(75 * time.Second), stale: true},
		{ms: at(75*time.Second) + 1},
		{ms: at(90 * time.Second), value: 1},
	}, read.samples[checkoutCalls])
}

func TestResourceExpiresAsAWhole(t *testing.T) {
	cfg := DefaultConfig()
	cfg.SeriesExpiration, cfg.MetricsExpiration = 0, 30*time.Second
	r := newRig(t, cfg, Options{})
	busy, idle, other := checkout, checkout, checkout
	busy.name, idle.name, other.service = "busy", "idle", "other"
	r.observe(t, 0, tracesOf(t, busy, idle, other))
	r.flush(15 * time.Second)
	for i := range 4 {
		r.observe(t, 0, tracesOf(t, busy))
		r.flush(time.Duration(2+i) * 15 * time.Second)
	}
	assert.Equal(t, Stats{Series: 2, SeriesLimit: 100_000, Services: 1, ExpiredSeries: 1}, r.Stats(),
		"an idle series of a busy resource stays, the other resource is gone")
}

func TestZeroExpirationIsNever(t *testing.T) {
	cfg := DefaultConfig()
	cfg.SeriesExpiration = 0
	r := newRig(t, cfg, Options{})
	r.observe(t, 0, tracesOf(t, checkout))
	r.flush(15 * time.Second)
	r.flush(365 * 24 * time.Hour)
	assert.Equal(t, 1, r.Stats().Series)
}

// A span that is counted while a flush runs must not be lost with the series that the flush wants to forget.
func TestSeriesSeenDuringAFlushIsNotForgotten(t *testing.T) {
	cfg := checkoutConfig()
	cfg.SeriesExpiration = time.Second
	r := newRig(t, cfg, Options{Lanes: 2})
	read := newReader(t)
	first := r.observe(t, 0, tracesOf(t, checkout))
	read.read(r.flush(15 * time.Second))

	var second []uint32
	read.read(r.flushWith(30*time.Second, func() { second = r.observe(t, 1, tracesOf(t, checkout)) }))
	require.Equal(t, 1, r.Stats().Series)
	assert.Equal(t, first, second)
	read.read(r.flush(45 * time.Second))
	assert.InDelta(t, 2, read.increase(checkoutCalls), 0)
}

func TestResourceWhoseSeriesAllExpireStaysForOneThatCame(t *testing.T) {
	cfg := checkoutConfig()
	cfg.SeriesExpiration = time.Second
	r := newRig(t, cfg, Options{Lanes: 2})
	read := newReader(t)
	old := checkout
	old.name = "old"
	r.observe(t, 0, tracesOf(t, old))
	read.read(r.flush(15 * time.Second))
	read.read(r.flushWith(30*time.Second, func() { r.observe(t, 1, tracesOf(t, checkout)) }))
	assert.False(t, read.present(checkoutCalls))
	read.read(r.flush(45 * time.Second))
	assert.InDelta(t, 1, read.increase(checkoutCalls), 0)
}

// flushWith is Flush with something that happens between the lanes' turn and the expiry.
func (r *rig) flushWith(after time.Duration, during func()) pmetric.Metrics {
	f := flush{now: millisecond(testStart.Add(after)), zero: r.last + pcommon.Timestamp(time.Millisecond)}
	md := pmetric.NewMetrics()
	r.registry.beginFlush()
	r.drain(&f)
	during()
	r.expire(f.now)
	r.write(&f, md)
	r.last = f.now
	return md
}

func TestMemoryOfExpiredSeriesIsReclaimed(t *testing.T) {
	cfg := DefaultConfig()
	cfg.SeriesExpiration = time.Minute
	r := newRig(t, cfg, Options{Lanes: 2})
	now := time.Duration(0)
	fill := func(n int) {
		var spans []span
		for i := range n {
			s := checkout
			s.name = strings.Repeat("x", i%100) + string(rune('a'+i%26)) + strings.Repeat("y", i/100)
			spans = append(spans, s)
		}
		for lane := range 2 {
			r.observe(t, lane, tracesOf(t, spans...))
		}
	}
	fill(1)
	r.flush(now)
	small := r.Bytes()
	fill(5000)
	now += 15 * time.Second
	r.flush(now)
	require.Greater(t, r.Bytes(), 100*small)
	for range 20 {
		now += 15 * time.Second
		fill(1)
		r.flush(now)
	}
	assert.Equal(t, 1, r.Stats().Series)
	assert.Less(t, r.Bytes(), 4*small)
	assert.Len(t, r.registry.byKey, 1)
	assert.Len(t, r.registry.resources, 1)
	assert.Len(t, r.resources, 1)
	for i := range r.lanes {
		assert.LessOrEqual(t, len(r.lanes[i].tables[0].slots), 2*tableSlotsMin)
	}
}
