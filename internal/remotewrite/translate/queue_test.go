package translate

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// Series by themselves, of which nothing says how they differ from others, are the dumb twin: the requests are the same to
// the byte, also where a batch ends between two buckets.
func TestRequestsAreThoseOfSeriesByThemselves(t *testing.T) {
	translator, err := New(defaults())
	require.NoError(t, err)
	payloads := []pmetric.Metrics{redMetrics(3, 20)}
	addExemplars(payloads[0])
	for seed := range uint64(50) {
		payloads = append(payloads, randomMetrics(rand.New(rand.NewPCG(seed, 4))))
	}
	var b Buffer
	for _, message := range []remotewrite.Message{remotewrite.V1, remotewrite.V2} {
		for _, batchBytes := range []int{2000, 1 << 20} {
			one, twin := newShards(t, batchBytes), newShards(t, batchBytes)
			for _, md := range payloads {
				translator.Translate(md, &b)
				_, err := one.queue.Add(message, epoch, remotewrite.Share{Source: &b})
				require.NoError(t, err)
				for i := range b.Series {
					b.Series[i].Differs = 0
				}
				_, err = twin.queue.Add(message, epoch, remotewrite.Share{Source: remotewrite.List(b.Series)})
				require.NoError(t, err)
				require.Equal(t, twin.queue.Pending(), one.queue.Pending())
			}
			for i := range one.list {
				require.Equal(t, bodies(twin.list[i]), bodies(one.list[i]))
			}
		}
	}
}

var epoch = time.Unix(1_700_000_000, 0)

// shards is a queue of three shards.
type shards struct {
	queue *remotewrite.Queue
	list  []*remotewrite.Shard
}

func newShards(t testing.TB, batchBytes int) *shards {
	s := &shards{}
	var err error
	s.queue, err = remotewrite.NewQueue(remotewrite.QueueConfig{
		MinShards: 3, MaxShards: 3, MaxBytes: 1 << 30, MaxPayloads: 100, MaxBatchBytes: batchBytes, Metadata: true,
		Start: func(shard *remotewrite.Shard) { s.list = append(s.list, shard) },
	})
	require.NoError(t, err)
	s.queue.Start()
	return s
}

func bodies(s *remotewrite.Shard) (out [][]byte) {
	for b, _, _ := s.Next(epoch); b != nil; b, _, _ = s.Next(epoch) {
		out = append(out, b.Body)
		s.Done(epoch, nil)
	}
	return out
}
