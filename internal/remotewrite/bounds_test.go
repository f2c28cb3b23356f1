package remotewrite

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/segmentlog"
)

// numbered returns a sample for each of n series.
func numbered(n int, at int64) List {
	out := make(List, n)
	for i := range out {
		out[i] = Series{Labels: []Label{{"__name__", "m"}, {"id", fmt.Sprint(i)}}, Timestamp: at, Value: 1, Key: uint64(i), Points: 1}
	}
	return out
}

func logged(t *testing.T) QueueConfig {
	config := alone()
	config.Log = &LogConfig{Dir: t.TempDir(), MaxBytes: 64 << 20}
	return config
}

// However long an outage lasts, what waits is in a few generations, the last one with all shards.
func TestAnOutageOpensFewGenerations(t *testing.T) {
	config := logged(t)
	config.MaxShards, config.MaxBatchBytes = 5, 20_000
	q := newQueue(t, config)
	now := epoch
	for second := range 6 * 3600 {
		now = now.Add(time.Second)
		if second%10 == 0 {
			_, err := q.Add(V2, now, Share{Source: numbered(50, int64(second+1))})
			require.NoError(t, err)
		}
		q.tick(now)
	}
	generations := q.routes[""].generations
	require.Len(t, generations, 3)
	assert.Len(t, generations[0].shards, 1)
	assert.Len(t, generations[1].shards, 2)
	assert.Len(t, generations[2].shards, 5)
	for _, g := range generations[:2] {
		for _, s := range g.shards {
			assert.Empty(t, s.encoders, "what takes nothing in needs no encoder")
		}
	}
}

// Requests in flight take all memory there may be: small payloads are still made one request.
func TestMemoryThatIsTakenMakesNoSmallBatches(t *testing.T) {
	config := logged(t)
	config.MaxBytes, config.MaxBatchBytes = 10_000, 400_000
	q := newQueue(t, config)
	add(t, q, numbered(2000, 1), V2)
	require.NotNil(t, head(shards(q)[0]))
	require.Greater(t, q.Pending().Bytes, config.MaxBytes)
	for i := range 2000 {
		add(t, q, numbered(1, int64(i+2)), V2)
	}
	assert.Less(t, len(shards(q)[0].sealed), 5)
	assert.Len(t, drain(t, shards(q)[0]), 4000)
}

func TestCommitsAreWithinTheBound(t *testing.T) {
	config := logged(t)
	config.Log.MaxBytes, config.MaxRoutes = 40_000, 2
	q := newQueue(t, config)
	long := MakeHeaders(Header{"X-Scope-OrgID", strings.Repeat("b", 500)})
	_, err := q.Add(V2, epoch, Share{Source: numbered(5, 1)}) // stands still
	require.NoError(t, err)
	s := func() *Shard { return q.routes[long].generations[0].shards[0] }
	for i := range int64(200) {
		_, err := q.Add(V2, epoch, Share{Source: numbered(1, i+1), Headers: long})
		require.NoError(t, err)
		require.NotNil(t, head(s()))
		s().Done(epoch, nil)
		require.LessOrEqual(t, q.log.Size(), int64(40_000))
	}
}

func TestNothingStaysLongerThanMaxAge(t *testing.T) {
	config := logged(t)
	config.Log.MaxAge = time.Hour
	lost := 0
	config.Lost = func(why Loss, c Counts, _ int) {
		assert.Equal(t, LostTooOld, why)
		lost += c.Samples
	}
	q := newQueue(t, config)
	now := epoch
	for i := range 24 * 60 { // all in what would be one segment
		_, err := q.Add(V2, now, Share{Source: numbered(1, int64(i+1))})
		require.NoError(t, err)
		now = now.Add(time.Minute)
		q.tick(now)
		if oldest := q.Pending().Oldest; !oldest.IsZero() {
			require.LessOrEqual(t, now.Sub(oldest), time.Hour+time.Hour/8)
		}
	}
	assert.Positive(t, lost)
	assert.Equal(t, 24*60, lost+q.Pending().Samples)
}

func TestATenantThatHasNothingMakesWay(t *testing.T) {
	config := roomy()
	config.MaxRoutes = 2
	q := newQueue(t, config)
	take := func(name string, series List) bool {
		shares := []Share{{Source: series, Headers: MakeHeaders(Header{"X", name})}}
		_, err := q.Add(V2, epoch, shares...)
		require.NoError(t, err)
		return !shares[0].Refused
	}
	require.True(t, take("a", numbered(1, 1)))
	require.True(t, take("b", numbered(1, 1)))
	require.False(t, take("c", numbered(1, 1)))
	require.True(t, take("c", nil), "nothing needs no room")
	for _, s := range q.routes[MakeHeaders(Header{"X", "a"})].generations[0].shards {
		drain(t, s)
	}
	require.True(t, take("c", numbered(1, 1)))
	require.False(t, take("d", numbered(1, 1)))
	require.False(t, take(strings.Repeat("x", 9000), numbered(1, 1)))
}

func TestALogOfAnotherVersionIsLeftAlone(t *testing.T) {
	config := logged(t)
	l, _, err := segmentlog.Open(segmentlog.Config{Dir: config.Log.Dir, SegmentBytes: 1000}, func(segmentlog.Found) {})
	require.NoError(t, err)
	require.NoError(t, l.Append([]segmentlog.Record{{Meta: []byte{9, 0, 1, 1, 1}}}, make([]segmentlog.Position, 1)))
	require.NoError(t, l.Close())
	for range 2 {
		_, err = NewQueue(config)
		require.ErrorContains(t, err, "records that another version wrote: run that, or remove the directory")
	}
}

// A target may be told of twice in a payload that the disk refuses: both are news when it comes again.
func TestARefusedPayloadTellsNothingOfATarget(t *testing.T) {
	config := logged(t)
	q := newQueue(t, config)
	info := func(at int64) Series {
		return Series{Labels: []Label{{"__name__", "target_info"}}, Timestamp: at, Value: 1, Key: 1, Info: true}
	}
	require.NoError(t, os.RemoveAll(config.Log.Dir)) // no segment can be started
	series := List{info(1), info(2)}
	_, err := q.Add(V2, epoch, Share{Source: series})
	require.Error(t, err)
	assert.Empty(t, q.infos)
}
