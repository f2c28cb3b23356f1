package remotewrite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func roomy() QueueConfig {
	return QueueConfig{Shards: 4, MaxBytes: 64 << 20, MaxPayloads: 1000, MaxBatchBytes: 1 << 20}
}

var epoch = time.Unix(1_700_000_000, 0)

// drain takes everything out of a shard, as a sender does, and returns the series in the order of sending.
func drain(t testing.TB, q *Queue, shard int) []Series {
	t.Helper()
	var out []Series
	for b := q.Head(shard); b != nil; b = q.Head(shard) {
		series, err := b.decode()
		require.NoError(t, err)
		require.Len(t, series, b.Series)
		out = append(out, series...)
		q.Done(shard, nil)
	}
	return out
}

func name(s *Series) string { return fmt.Sprint(s.Labels) }

func TestEverySeriesLeavesInTheOrderItCame(t *testing.T) {
	const writers, rounds, seriesEach = 4, 50, 20
	config := roomy()
	config.MaxBatchBytes = 3000
	q := NewQueue(config)
	sent := make([][]Series, q.Shards())
	stop := make(chan struct{})
	var senders, adders sync.WaitGroup
	for shard := range q.Shards() {
		senders.Go(func() {
			for {
				sent[shard] = append(sent[shard], drain(t, q, shard)...)
				select {
				case <-q.Wake(shard):
				case <-stop:
					sent[shard] = append(sent[shard], drain(t, q, shard)...)
					return
				}
			}
		})
	}
	for w := range writers {
		adders.Go(func() {
			for round := range rounds {
				series := make([]Series, seriesEach)
				for i := range series {
					series[i] = Series{
						Labels:    []Label{{"__name__", "m"}, {"series", fmt.Sprint(w, "/", i)}},
						Timestamp: int64(round + 1), Value: float64(round), Key: uint64(w*seriesEach + i), Points: 1,
					}
				}
				message := V2
				if round%10 > 7 {
					message = V1 // of the batches that are opened from now on
				}
				_, err := q.Add(series, message, epoch)
				assert.NoError(t, err)
			}
		})
	}
	adders.Wait()
	close(stop)
	senders.Wait()

	last, total := map[string]int64{}, 0
	for shard := range sent {
		for i := range sent[shard] {
			s := &sent[shard][i]
			assert.Equal(t, last[name(s)]+1, s.Timestamp, name(s))
			last[name(s)] = s.Timestamp
			total++
		}
	}
	assert.Equal(t, writers*rounds*seriesEach, total)
	assert.Equal(t, Pending{}, q.Pending())
}

func TestBatchesKeepTheirBounds(t *testing.T) {
	config := roomy()
	config.Shards, config.MaxBatchBytes = 1, 5000
	q := NewQueue(config)
	series := randomSeries(rand.New(rand.NewPCG(1, 1)), 500)
	_, err := q.Add(series, V2, epoch)
	require.NoError(t, err)
	batches := 0
	for b := q.Head(0); b != nil; b = q.Head(0) {
		got, err := b.decode()
		require.NoError(t, err)
		e := newEncoder(V2, true)
		for i := range got {
			e.add(&got[i])
		}
		assert.LessOrEqual(t, e.size(), 5000)
		batches++
		q.Done(0, nil)
	}
	assert.Greater(t, batches, 5)

	large := Series{Labels: []Label{{"__name__", string(make([]byte, 6000))}}, Points: 1}
	_, err = q.Add([]Series{series[0], large, series[1]}, V1, epoch)
	require.NoError(t, err)
	assert.Equal(t, 1, q.Head(0).Series)
	q.Done(0, nil)
	assert.Equal(t, 1, q.Head(0).Series, "what is larger than a batch goes alone")
}

func TestNoBatchHasMoreThanMaxSeries(t *testing.T) {
	config := roomy()
	config.Shards, config.MaxBatchBytes = 1, config.MaxBytes
	q := NewQueue(config)
	series := make([]Series, 12_000)
	for i := range series {
		series[i] = Series{Labels: []Label{{"__name__", "m"}, {"i", fmt.Sprint(i)}}, Timestamp: 1}
	}
	_, err := q.Add(series, V2, epoch)
	require.NoError(t, err)
	assert.Equal(t, MaxSeries, q.Head(0).Series)
	q.Done(0, nil)
	assert.Equal(t, 2_000, q.Head(0).Series)
}

func TestWhatWaitsIsMergedIntoOneRequest(t *testing.T) {
	config := roomy()
	config.Shards = 1
	q := NewQueue(config)
	for i := range 5 {
		_, err := q.Add([]Series{{Labels: []Label{{"__name__", "m"}}, Timestamp: int64(i), Points: 1}}, V2, epoch.Add(time.Duration(i)))
		require.NoError(t, err)
	}
	b := q.Head(0)
	assert.Equal(t, 5, b.Series)
	assert.Equal(t, 5, b.Points)
	assert.Equal(t, epoch, b.Since, "a batch is as old as the oldest of it")
	assert.Equal(t, 5, q.Pending().Payloads)
	assert.Equal(t, 5, q.Pending().Samples)
	assert.Same(t, b, q.Head(0), "the head stays until it is done")
	q.Done(0, nil)
	assert.Nil(t, q.Head(0))
}

func TestAPayloadIsQueuedWholeOrNotAtAll(t *testing.T) {
	series := randomSeries(rand.New(rand.NewPCG(1, 2)), 100)
	bound := 0
	for i := range series {
		bound += series[i].sizeBound()
	}
	config := roomy()
	config.MaxBytes = bound + bound/8
	q := NewQueue(config)
	_, err := q.Add(series, V2, epoch)
	require.NoError(t, err)
	held := q.Pending()
	require.Positive(t, held.Bytes)
	_, err = q.Add(series, V2, epoch)
	assert.ErrorIs(t, err, ErrFull)
	assert.Equal(t, held, q.Pending())
	total := 0
	for shard := range q.Shards() {
		total += len(drain(t, q, shard))
	}
	assert.Equal(t, len(series), total)
	assert.Equal(t, Pending{}, q.Pending())
	_, err = q.Add(series, V2, epoch)
	assert.NoError(t, err, "there is room again")

	config.MaxBytes = bound - 1
	_, err = NewQueue(config).Add(series, V2, epoch)
	assert.ErrorIs(t, err, ErrTooLarge)

	config = roomy()
	config.MaxPayloads = 1
	q = NewQueue(config)
	_, err = q.Add(series, V2, epoch)
	require.NoError(t, err)
	held = q.Pending()
	_, err = q.Add(series, V2, epoch)
	assert.ErrorIs(t, err, ErrFull)
	assert.Equal(t, held, q.Pending())
}

func TestAPayloadIsDoneWhenItsLastBatchIs(t *testing.T) {
	q := NewQueue(roomy())
	p, err := q.Add(randomSeries(rand.New(rand.NewPCG(1, 3)), 100), V2, epoch)
	require.NoError(t, err)
	failed := errors.New("rejected")
	for shard := range q.Shards() {
		select {
		case <-p.Done():
			t.Fatal("done although a shard holds some of it")
		default:
		}
		require.NotNil(t, q.Head(shard))
		if shard == 1 {
			q.Done(shard, failed)
		} else {
			q.Done(shard, nil)
		}
	}
	<-p.Done()
	assert.Equal(t, failed, p.Err())

	p, err = q.Add(nil, V2, epoch)
	require.NoError(t, err)
	<-p.Done()
	assert.NoError(t, p.Err())
	assert.Equal(t, Pending{}, q.Pending())
}

func TestReplacingTheHead(t *testing.T) {
	config := roomy()
	config.Shards = 1
	q := NewQueue(config)
	series := randomSeries(rand.New(rand.NewPCG(1, 4)), 40)
	p, err := q.Add(series, V2, epoch)
	require.NoError(t, err)
	b := q.Head(0)
	_, err = q.Add(series[:1], V2, epoch) // comes behind
	require.NoError(t, err)

	old, err := b.Transcode(V1, false)
	require.NoError(t, err)
	q.Replace(0, old)
	assert.Same(t, old, q.Head(0))
	first, second, err := old.Split()
	require.NoError(t, err)
	q.Replace(0, first, second)
	assert.Same(t, first, q.Head(0))
	q.Done(0, nil)
	assert.Same(t, second, q.Head(0))
	select {
	case <-p.Done():
		t.Fatal("done although a half is queued")
	default:
	}
	q.Done(0, nil)
	<-p.Done()
	assert.Equal(t, 1, q.Head(0).Series)
	q.Done(0, nil)
	assert.Equal(t, Pending{}, q.Pending())
}

func TestAbandon(t *testing.T) {
	q := NewQueue(roomy())
	p, err := q.Add(randomSeries(rand.New(rand.NewPCG(1, 5)), 100), V2, epoch)
	require.NoError(t, err)
	shutdown := errors.New("shut down")
	points := 0
	for _, b := range q.Abandon(shutdown) {
		points += b.Points
	}
	assert.Equal(t, 100, points)
	<-p.Done()
	assert.Equal(t, shutdown, p.Err())
	assert.Equal(t, Pending{}, q.Pending())
}

func TestTargetInfoThatIsNoNewsIsLeftOut(t *testing.T) {
	config := roomy()
	config.Shards = 1
	q := NewQueue(config)
	info := func(key uint64, at int64) Series {
		return Series{Labels: []Label{{"__name__", "target_info"}, {"key", fmt.Sprint(key)}}, Timestamp: at, Value: 1, Key: key, Info: true}
	}
	add := func(s ...Series) {
		_, err := q.Add(s, V2, epoch)
		require.NoError(t, err)
	}
	add(info(1, 10), info(2, 10), info(1, 10))
	add(info(1, 9), info(2, 11), info(3, 1))
	var got []string
	for _, s := range drain(t, q, 0) {
		got = append(got, fmt.Sprint(s.Labels[1].Value, "@", s.Timestamp))
	}
	assert.Equal(t, []string{"1@10", "2@10", "2@11", "3@1"}, got)
	assert.Equal(t, Pending{}, q.Pending())
}
