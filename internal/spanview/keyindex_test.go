package spanview

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// randomKey has few letters and lengths, so that keys are alike: the same, or of one length or end.
func randomKey(rng *rand.Rand) string {
	var key strings.Builder
	for range rng.IntN(8) {
		key.WriteByte("ab."[rng.IntN(3)])
	}
	return key.String()
}

func TestKeysAreFoundAsInAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var x KeyIndex
		slots := map[string]int{}
		for len(slots) < 1+rng.IntN(MaxSlots) {
			key := randomKey(rng)
			slot, err := x.add(key)
			require.NoError(t, err)
			if _, there := slots[key]; !there {
				slots[key] = slot
			}
			require.Equal(t, slots[key], slot)
		}
		for range 200 {
			key := []byte(randomKey(rng))
			want, there := slots[string(key)]
			if !there {
				want = -1
			}
			require.Equal(t, want, x.Lookup(key))
			if n := len(key); n >= KeyTailSize {
				chain := x.Chain(binary.LittleEndian.Uint32(key[n-KeyTailSize:]), n)
				require.Equal(t, want, x.Find(chain, key))
			}
		}
	}
}

// A key that shares a chain with a wanted one is compared for every span.
func TestCommonKeysShareNoChain(t *testing.T) {
	var x KeyIndex
	for _, key := range []string{
		"http.request.method", "http.route", "http.response.status_code", "rpc.grpc.status_code", "rpc.method", "rpc.service",
		"error.type", "db.system.name", "messaging.system", "messaging.operation.type", "url.scheme", "http.status_code",
	} {
		_, err := x.add(key)
		require.NoError(t, err)
	}
	for _, key := range []string{
		"url.path", "url.full", "server.address", "server.port", "network.protocol.version", "client.address",
		"user_agent.original", "network.peer.address", "network.peer.port", "thread.id", "thread.name", "db.query.text",
		"db.namespace", "db.collection.name", "http.method", "http.url", "http.target", "net.peer.name", "net.peer.port",
	} {
		require.Zero(t, x.Chain(binary.LittleEndian.Uint32([]byte(key[len(key)-KeyTailSize:])), len(key)), key)
	}
}
