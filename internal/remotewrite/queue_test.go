package remotewrite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func roomy() QueueConfig {
	return QueueConfig{MinShards: 4, MaxShards: 4, MaxBytes: 64 << 20, MaxPayloads: 1000, MaxBatchBytes: 1 << 20}
}

// alone has one shard.
func alone() QueueConfig {
	config := roomy()
	config.MinShards, config.MaxShards = 1, 1
	return config
}

var epoch = time.Unix(1_700_000_000, 0)

func newQueue(t testing.TB, config QueueConfig) *Queue {
	t.Helper()
	q, err := NewQueue(config)
	require.NoError(t, err)
	q.Start()
	return q
}

func add(t testing.TB, q *Queue, series []Series, m Message) *Payload {
	t.Helper()
	p, err := q.Add(m, epoch, Share{Source: List(series)})
	require.NoError(t, err)
	return p
}

// shards returns those that may send for no headers.
func shards(q *Queue) []*Shard {
	if r := q.routes[""]; r != nil {
		return r.generations[0].shards
	}
	return nil
}

// head returns the batch that a shard sends next.
func head(s *Shard) *Batch {
	b, _, _ := s.Next(epoch)
	return b
}

// drain takes everything out of a shard, as a sender does, and returns the series in the order of sending.
func drain(t testing.TB, s *Shard) []Series {
	t.Helper()
	var out []Series
	for b := head(s); b != nil; b = head(s) {
		series, err := b.decode()
		require.NoError(t, err)
		require.Len(t, series, b.Series)
		out = append(out, series...)
		s.Done(epoch, nil)
	}
	return out
}

// holds is what a queue holds of payloads.
func holds(q *Queue) Pending {
	p := q.Pending()
	return Pending{Bytes: p.Bytes, Samples: p.Samples, Payloads: p.Payloads, Oldest: p.Oldest}
}

func TestBatchesKeepTheirBounds(t *testing.T) {
	config := alone()
	config.MaxBatchBytes = 5000
	q := newQueue(t, config)
	series := randomSeries(rand.New(rand.NewPCG(1, 1)), 500)
	_, err := q.Add(V2, epoch, Share{Source: List(series)})
	require.NoError(t, err)
	batches := 0
	for b := head(shards(q)[0]); b != nil; b = head(shards(q)[0]) {
		got, err := b.decode()
		require.NoError(t, err)
		e := newEncoder(V2, true)
		for i := range got {
			e.add(&got[i])
		}
		assert.LessOrEqual(t, e.size(), 5000)
		batches++
		shards(q)[0].Done(epoch, nil)
	}
	assert.Greater(t, batches, 5)

	large := Series{Labels: []Label{{"__name__", string(make([]byte, 6000))}}, Points: 1}
	_, err = q.Add(V1, epoch, Share{Source: List([]Series{series[0], large, series[1]})})
	require.NoError(t, err)
	assert.Equal(t, 1, head(shards(q)[0]).Series)
	shards(q)[0].Done(epoch, nil)
	assert.Equal(t, 1, head(shards(q)[0]).Series, "what is larger than a batch goes alone")
}

func TestNoBatchHasMoreThanMaxSeries(t *testing.T) {
	config := alone()
	config.MaxBatchBytes = config.MaxBytes
	q := newQueue(t, config)
	series := make([]Series, 12_000)
	for i := range series {
		series[i] = Series{Labels: []Label{{"__name__", "m"}, {"i", fmt.Sprint(i)}}, Timestamp: 1}
	}
	_, err := q.Add(V2, epoch, Share{Source: List(series)})
	require.NoError(t, err)
	assert.Equal(t, MaxSeries, head(shards(q)[0]).Series)
	shards(q)[0].Done(epoch, nil)
	assert.Equal(t, 2_000, head(shards(q)[0]).Series)
}

func TestWhatWaitsIsMergedIntoOneRequest(t *testing.T) {
	q := newQueue(t, alone())
	for i := range 5 {
		_, err := q.Add(V2, epoch.Add(time.Duration(i)), Share{Source: List([]Series{{Labels: []Label{{"__name__", "m"}}, Timestamp: int64(i), Points: 1}})})
		require.NoError(t, err)
	}
	b := head(shards(q)[0])
	assert.Equal(t, 5, b.Series)
	assert.Equal(t, 5, b.Points)
	assert.Equal(t, epoch, b.Since, "a batch is as old as the oldest of it")
	assert.Equal(t, 5, q.Pending().Payloads)
	assert.Equal(t, 5, q.Pending().Samples)
	assert.Same(t, b, head(shards(q)[0]), "the head stays until it is done")
	shards(q)[0].Done(epoch, nil)
	assert.Nil(t, head(shards(q)[0]))
}

func TestAPayloadIsQueuedWholeOrNotAtAll(t *testing.T) {
	series := randomSeries(rand.New(rand.NewPCG(1, 2)), 100)
	bound := 0
	for i := range series {
		bound += series[i].sizeBound()
	}
	config := roomy()
	config.MaxBytes = bound + bound/8
	q := newQueue(t, config)
	_, err := q.Add(V2, epoch, Share{Source: List(series)})
	require.NoError(t, err)
	held := holds(q)
	require.Positive(t, held.Bytes)
	_, err = q.Add(V2, epoch, Share{Source: List(series)})
	assert.ErrorIs(t, err, ErrFull)
	assert.Equal(t, held, holds(q))
	total := 0
	for _, shard := range shards(q) {
		total += len(drain(t, shard))
	}
	assert.Equal(t, len(series), total)
	assert.Equal(t, Pending{}, holds(q))
	_, err = q.Add(V2, epoch, Share{Source: List(series)})
	assert.NoError(t, err, "there is room again")

	config.MaxBytes = bound - 1
	_, err = newQueue(t, config).Add(V2, epoch, Share{Source: List(series)})
	assert.ErrorIs(t, err, ErrTooLarge)

	config = roomy()
	config.MaxPayloads = 1
	q = newQueue(t, config)
	_, err = q.Add(V2, epoch, Share{Source: List(series)})
	require.NoError(t, err)
	held = holds(q)
	_, err = q.Add(V2, epoch, Share{Source: List(series)})
	assert.ErrorIs(t, err, ErrFull)
	assert.Equal(t, held, holds(q))
}

func TestAPayloadIsDoneWhenItsLastBatchIs(t *testing.T) {
	q := newQueue(t, roomy())
	p, err := q.Add(V2, epoch, Share{Source: List(randomSeries(rand.New(rand.NewPCG(1, 3)), 100))})
	require.NoError(t, err)
	failed := errors.New("rejected")
	for i, shard := range shards(q) {
		select {
		case <-p.Done():
			t.Fatal("done although a shard holds some of it")
		default:
		}
		require.NotNil(t, head(shard))
		if i == 1 {
			shard.Done(epoch, failed)
		} else {
			shard.Done(epoch, nil)
		}
	}
	<-p.Done()
	assert.Equal(t, failed, p.Err())

	p, err = q.Add(V2, epoch, Share{Source: List(nil)})
	require.NoError(t, err)
	<-p.Done()
	assert.NoError(t, p.Err())
	assert.Equal(t, Pending{}, holds(q))
}

func TestReplacingTheHead(t *testing.T) {
	q := newQueue(t, alone())
	series := randomSeries(rand.New(rand.NewPCG(1, 4)), 40)
	p, err := q.Add(V2, epoch, Share{Source: List(series)})
	require.NoError(t, err)
	b := head(shards(q)[0])
	_, err = q.Add(V2, epoch, Share{Source: List(series[:1])}) // comes behind
	require.NoError(t, err)

	old, err := b.Transcode(V1, false)
	require.NoError(t, err)
	shards(q)[0].Replace(old)
	assert.Same(t, old, head(shards(q)[0]))
	first, second, err := old.Split()
	require.NoError(t, err)
	shards(q)[0].Replace(first, second)
	assert.Same(t, first, head(shards(q)[0]))
	shards(q)[0].Done(epoch, nil)
	assert.Same(t, second, head(shards(q)[0]))
	select {
	case <-p.Done():
		t.Fatal("done although a half is queued")
	default:
	}
	shards(q)[0].Done(epoch, nil)
	<-p.Done()
	assert.Equal(t, 1, head(shards(q)[0]).Series)
	shards(q)[0].Done(epoch, nil)
	assert.Equal(t, Pending{}, holds(q))
}

func TestWithoutALogAClosedQueueGivesUp(t *testing.T) {
	q := newQueue(t, roomy())
	p, err := q.Add(V2, epoch, Share{Source: List(randomSeries(rand.New(rand.NewPCG(1, 5)), 100))})
	require.NoError(t, err)
	shutdown := errors.New("shut down")
	points := 0
	left, err := q.Close(shutdown)
	require.NoError(t, err)
	for _, b := range left {
		points += b.Points
	}
	assert.Equal(t, 100, points)
	<-p.Done()
	assert.Equal(t, shutdown, p.Err())
	assert.Equal(t, Pending{}, holds(q))
}

func TestTargetInfoThatIsNoNewsIsLeftOut(t *testing.T) {
	q := newQueue(t, alone())
	info := func(key uint64, at int64) Series {
		return Series{Labels: []Label{{"__name__", "target_info"}, {"key", fmt.Sprint(key)}}, Timestamp: at, Value: 1, Key: key, Info: true}
	}
	add := func(s ...Series) {
		_, err := q.Add(V2, epoch, Share{Source: List(s)})
		require.NoError(t, err)
	}
	add(info(1, 10), info(2, 10), info(1, 10))
	add(info(1, 9), info(2, 11), info(3, 1))
	var got []string
	for _, s := range drain(t, shards(q)[0]) {
		got = append(got, fmt.Sprint(s.Labels[1].Value, "@", s.Timestamp))
	}
	assert.Equal(t, []string{"1@10", "2@10", "2@11", "3@1"}, got)
	assert.Equal(t, Pending{}, holds(q))
}
