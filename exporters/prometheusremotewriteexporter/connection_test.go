package prometheusremotewriteexporter

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
)

func TestEveryShardKeepsItsConnection(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.Queue.NumConsumers = 5 })
	e := &endpoint{}
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * time.Millisecond) // the other shards' requests come meanwhile
		e.ServeHTTP(w, r)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	h.config.HTTP.Endpoint = server.URL
	require.NoError(t, h.Start(context.Background(), componenttest.NewNopHost()))
	for flush := range int64(4) {
		payload, err := h.enqueue(context.Background(), counters(100, 1000+flush, 1))
		require.NoError(t, err)
		<-payload.Done()
		require.NoError(t, payload.Err())
	}
	assert.Len(t, e.all(), 20)
	assert.LessOrEqual(t, int(connections.Load()), 5)
	require.NoError(t, h.Shutdown(context.Background()))
}
