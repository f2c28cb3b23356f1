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
			config := remotewrite.QueueConfig{
				Shards: 3, MaxBytes: 1 << 30, MaxPayloads: 100, MaxBatchBytes: batchBytes, Metadata: true,
			}
			one, twin := remotewrite.NewQueue(config), remotewrite.NewQueue(config)
			for _, md := range payloads {
				translator.Translate(md, &b)
				_, err := one.AddFrom(&b, message, time.Time{})
				require.NoError(t, err)
				for i := range b.Series {
					b.Series[i].Differs = 0
				}
				_, err = twin.Add(b.Series, message, time.Time{})
				require.NoError(t, err)
				require.Equal(t, twin.Pending(), one.Pending())
			}
			for shard := range one.Shards() {
				require.Equal(t, bodies(twin, shard), bodies(one, shard))
			}
		}
	}
}

func bodies(q *remotewrite.Queue, shard int) (out [][]byte) {
	for b := q.Head(shard); b != nil; b = q.Head(shard) {
		out = append(out, b.Body)
		q.Done(shard, nil)
	}
	return out
}
