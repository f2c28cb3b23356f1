package red

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const checkoutDuration = "traces.span.metrics.duration" + checkoutLabels

// exemplarAt is a span that ended at an offset from testStart.
func exemplarAt(n byte, end, duration time.Duration) Exemplar {
	return Exemplar{
		TraceID: [16]byte{n}, SpanID: [8]byte{n}, DurationNanos: uint64(duration),
		Timestamp: uint64(testStart.Add(end).UnixNano()),
	}
}

// sentIDs returns the trace ids that a series' exemplars had, in order.
func sentIDs(read *reader, key string) (ids []byte) {
	for _, e := range read.exemplars[key] {
		id := e.TraceID()
		ids = append(ids, id[0])
	}
	return ids
}

func TestExemplarLeavesWithTheNextFlushAndItsOwnTime(t *testing.T) {
	r := newRig(t, checkoutConfig(), Options{})
	read := newReader(t)
	id := r.observe(t, 0, tracesOf(t, checkout))[0]
	read.read(r.flush(15 * time.Second))
	r.Exemplar(id, exemplarAt(1, 7*time.Second, 7*time.Millisecond))
	read.read(r.flush(30 * time.Second))
	read.read(r.flush(45 * time.Second))
	for _, key := range []string{checkoutCalls, checkoutDuration} {
		require.Len(t, read.exemplars[key], 1, key)
		e := read.exemplars[key][0]
		assert.Equal(t, testStart.Add(7*time.Second), e.Timestamp().AsTime())
		assert.InDelta(t, 7, e.DoubleValue(), 0)
		assert.Equal(t, byte(1), e.TraceID()[0])
		assert.Equal(t, byte(1), e.SpanID()[0])
	}
	assert.Equal(t, uint64(1), r.Stats().Exemplars)
}

func TestExemplarsOfASeriesAreSpreadOverItsBucketsAndBounded(t *testing.T) {
	cfg := checkoutConfig()
	cfg.Exemplars.MaxPerDataPoint = 3
	r := newRig(t, cfg, Options{})
	read := newReader(t)
	id := r.observe(t, 0, tracesOf(t, checkout))[0]
	r.Exemplar(id, exemplarAt(1, 1*time.Second, 7*time.Millisecond))
	r.Exemplar(id, exemplarAt(2, 3*time.Second, 7*time.Millisecond)) // takes the place of 1: same bucket, later
	r.Exemplar(id, exemplarAt(3, 2*time.Second, 8*time.Millisecond)) // the same bucket, earlier
	r.Exemplar(id, exemplarAt(4, 5*time.Second, 9*time.Millisecond))
	r.Exemplar(id, exemplarAt(5, 4*time.Second, time.Second))
	r.Exemplar(id, exemplarAt(6, 6*time.Second, 20*time.Second))   // takes the place of 2, the earliest of three
	r.Exemplar(id, exemplarAt(7, 1*time.Second, time.Microsecond)) // earlier than all three
	read.read(r.flush(15 * time.Second))
	assert.Equal(t, []byte{5, 4, 6}, sentIDs(read, checkoutDuration), "in order of time")
}

func TestExemplarsAreNeverOlderThanOneSent(t *testing.T) {
	r := newRig(t, checkoutConfig(), Options{})
	read := newReader(t)
	id := r.observe(t, 0, tracesOf(t, checkout))[0]
	r.Exemplar(id, exemplarAt(1, 5*time.Second, time.Second))
	read.read(r.flush(15 * time.Second))
	r.Exemplar(id, exemplarAt(2, 4*time.Second, time.Second))
	read.read(r.flush(30 * time.Second))
	r.Exemplar(id, exemplarAt(3, 5*time.Second+time.Microsecond, time.Second)) // the same millisecond
	read.read(r.flush(45 * time.Second))
	r.Exemplar(id, exemplarAt(4, time.Hour, time.Millisecond)) // from the future
	r.Exemplar(id, exemplarAt(5, 6*time.Second, time.Second))
	read.read(r.flush(60 * time.Second))
	assert.Equal(t, []byte{1, 5}, sentIDs(read, checkoutDuration))
}

func TestExemplarsOfUnknownSeriesAndWhereTheyAreOffAreIgnored(t *testing.T) {
	cfg := checkoutConfig()
	r := newRig(t, cfg, Options{})
	read := newReader(t)
	id := r.observe(t, 0, tracesOf(t, checkout))[0]
	r.Exemplar(0, exemplarAt(1, 0, time.Second))
	r.Exemplar(id+1, exemplarAt(2, 0, time.Second))
	read.read(r.flush(15 * time.Second))
	assert.Empty(t, read.exemplars)

	cfg.Exemplars.Enabled = false
	r, read = newRig(t, cfg, Options{}), newReader(t)
	r.Exemplar(r.observe(t, 0, tracesOf(t, checkout))[0], exemplarAt(3, 0, time.Second))
	read.read(r.flush(15 * time.Second))
	assert.Empty(t, read.exemplars)
}

func TestPendingExemplarsAreBounded(t *testing.T) {
	cfg := limited(10)
	r := newRig(t, cfg, Options{})
	for id := range uint32(10_000) {
		for n := range byte(20) {
			r.Exemplar(id, exemplarAt(n, time.Duration(n), time.Duration(1)<<n))
		}
	}
	assert.LessOrEqual(t, len(r.exemplars.pending), r.registry.seriesMax())
	for _, list := range r.exemplars.pending {
		assert.LessOrEqual(t, len(list), cfg.Exemplars.MaxPerDataPoint)
	}
}

func TestMemoryOfExemplarsServesOneFlushMore(t *testing.T) {
	r := newRig(t, checkoutConfig(), Options{})
	read := newReader(t)
	id := r.observe(t, 0, tracesOf(t, checkout))[0]
	offer := func(at time.Duration) {
		for n := range uint32(10) { // most are of series that there are not
			r.Exemplar(id+n, exemplarAt(byte(n), at, time.Second))
		}
	}
	offer(time.Second)
	read.read(r.flush(15 * time.Second))
	assert.Len(t, r.exemplars.free, 10)
	offer(16 * time.Second)
	assert.Empty(t, r.exemplars.free)
	read.read(r.flush(30 * time.Second))
	assert.Equal(t, []byte{0, 0}, sentIDs(read, checkoutCalls))
	r.flush(45 * time.Second)
	assert.Empty(t, r.exemplars.free)
}
