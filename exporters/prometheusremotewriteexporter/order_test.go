package prometheusremotewriteexporter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/remotewrite"
)

// An endpoint that is slow and fails at random must still get every sample of every series, in order, and one that it
// got already only as the same request again.
func TestEverySeriesArrivesInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, message remotewrite.Message) {
		const writers, rounds, series = 4, 30, 50
		h := newHarness(t, func(c *Config) {
			c.ProtobufMessage = message
			c.Queue.NumConsumers = 8
			c.MaxBatchSizeBytes = 20_000
		})
		var mu sync.Mutex
		random := rand.New(rand.NewPCG(1, 1))
		last := map[string]string{} // series -> its newest sample that the endpoint took
		taken := map[string]bool{}
		inFlight, most := 0, 0
		h.overPipes(&endpoint{answer: func(n int, r *received, w http.ResponseWriter) int {
			mu.Lock()
			inFlight++
			most = max(most, inFlight)
			delay, fails, lost := time.Duration(random.IntN(5000))*time.Millisecond, random.IntN(4) == 0, random.IntN(4) == 0
			mu.Unlock()
			time.Sleep(delay)
			mu.Lock()
			defer mu.Unlock()
			inFlight--
			if fails && !lost {
				return 503
			}
			for _, s := range r.series {
				if taken[s] {
					continue // of a request that is sent again
				}
				name, _, _ := strings.Cut(s, "} ")
				assert.Less(t, last[name], s)
				last[name] = s
				taken[s] = true
			}
			if fails {
				return 500 // after it was taken: the same comes again
			}
			return accept(n, r, w)
		}})
		var wg sync.WaitGroup
		for writer := range writers {
			wg.Go(func() {
				for round := range rounds {
					md := counters(series, int64(1000+round), float64(100+round))
					md.ResourceMetrics().At(0).Resource().Attributes().PutStr("service.name", fmt.Sprint("w", writer))
					assert.NoError(t, h.ConsumeMetrics(context.Background(), md))
					time.Sleep(time.Second)
				}
			})
		}
		wg.Wait()
		time.Sleep(10 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		assert.Len(t, taken, writers*rounds*series)
		assert.Len(t, last, writers*series)
		assert.LessOrEqual(t, most, 8, "one request a shard")
		assert.Greater(t, most, 1, "shards send at the same time")
		assert.Zero(t, h.values()["pending_bytes"])
		require.NoError(t, h.Shutdown(context.Background()))
	})
}
