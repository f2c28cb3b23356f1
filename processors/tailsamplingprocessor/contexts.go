package tailsamplingprocessor

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/client"
)

// contexts numbers the combinations of metadata values that requests come with, so that spans are held with a number.
// A combination is remembered until the end, as the batch processor does; there are at most limit of them.
type contexts struct {
	keys  []string
	limit int

	mu      sync.RWMutex // protects all below
	numbers map[string]uint32
	infos   []client.Info // number n is at n-1
}

func newContexts(keys []string, limit int) *contexts {
	return &contexts{keys: keys, limit: limit, numbers: map[string]uint32{}}
}

// number returns the number of a request's combination: 0 where the request has none of the keys.
func (c *contexts) number(ctx context.Context) (uint32, error) {
	if len(c.keys) == 0 {
		return 0, nil
	}
	metadata := client.FromContext(ctx).Metadata
	var key []byte
	values := map[string][]string{}
	for _, k := range c.keys {
		v := metadata.Get(k)
		key = binary.AppendUvarint(key, uint64(len(v))) // an empty value is not the same as none
		for _, text := range v {
			key = binary.AppendUvarint(key, uint64(len(text)))
			key = append(key, text...)
		}
		if len(v) > 0 {
			values[k] = v
		}
	}
	if len(values) == 0 {
		return 0, nil
	}
	c.mu.RLock()
	number, known := c.numbers[string(key)]
	c.mu.RUnlock()
	if known {
		return number, nil
	}
	return c.add(string(key), values)
}

func (c *contexts) add(key string, values map[string][]string) (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if number, known := c.numbers[key]; known {
		return number, nil
	}
	if len(c.infos) >= c.limit {
		return 0, &refusal{reasonTooManyContexts, fmt.Errorf("cannot tell more than %d combinations of metadata values apart: "+
			"raise metadata_cardinality_limit, or list fewer metadata_keys", c.limit)}
	}
	c.infos = append(c.infos, client.Info{Metadata: client.NewMetadata(values)})
	c.numbers[key] = uint32(len(c.infos))
	return uint32(len(c.infos)), nil
}

// restore returns a context with the metadata of a number.
func (c *contexts) restore(ctx context.Context, number uint32) context.Context {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return client.NewContext(ctx, c.infos[number-1])
}

// count returns how many combinations there are.
func (c *contexts) count() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return int64(len(c.infos))
}
