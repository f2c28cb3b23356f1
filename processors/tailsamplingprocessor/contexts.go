package tailsamplingprocessor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/client"
)

// contexts numbers the combinations of metadata values that requests come with, so that spans are held with a number.
// A combination is remembered until the end, as the batch processor does; there are at most limit of them, apart from those that are
// recovered and read like another one now.
type contexts struct {
	keys  []string // lower case, sorted
	limit int

	mu      sync.RWMutex // protects all below
	numbers map[string]uint32
	list    []combination // number n is at n-1
	// recovered is how many of them are numbered by the text of an earlier process, see recall.
	recovered int
}

// combination is the values of the keys, and the same as a text, see appendValues.
type combination struct {
	text string
	info client.Info
}

func newContexts(keys []string, limit int) *contexts {
	c := &contexts{limit: limit, numbers: map[string]uint32{}}
	for _, k := range keys {
		c.keys = append(c.keys, strings.ToLower(k))
	}
	slices.Sort(c.keys) // a text must not depend on the order of the configuration
	return c
}

// number returns the number of a request's combination: 0 where the request has none of the keys.
func (c *contexts) number(ctx context.Context) (uint32, error) {
	if len(c.keys) == 0 {
		return 0, nil
	}
	return c.find(client.FromContext(ctx).Metadata)
}

func (c *contexts) find(metadata client.Metadata) (uint32, error) {
	var text []byte
	for _, k := range c.keys {
		text = appendValues(text, k, metadata.Get(k))
	}
	if len(text) == 0 {
		return 0, nil
	}
	c.mu.RLock()
	number, known := c.numbers[string(text)]
	c.mu.RUnlock()
	if known {
		return number, nil
	}
	return c.add(string(text), metadata, false)
}

func (c *contexts) add(text string, metadata client.Metadata, recovered bool) (uint32, error) {
	values := map[string][]string{}
	for _, k := range c.keys {
		if v := metadata.Get(k); len(v) > 0 {
			values[k] = v
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if number, known := c.numbers[text]; known {
		return number, nil
	}
	if recovered {
		c.recovered++
	} else if len(c.list)-c.recovered >= c.limit {
		return 0, &refusal{reasonTooManyContexts, fmt.Errorf("cannot tell more than %d combinations of metadata values apart: "+
			"raise metadata_cardinality_limit, or list fewer metadata_keys", c.limit)}
	}
	c.list = append(c.list, combination{text, client.Info{Metadata: client.NewMetadata(values)}})
	c.numbers[text] = uint32(len(c.list))
	return uint32(len(c.list)), nil
}

// restore returns a context with the metadata of a number.
func (c *contexts) restore(ctx context.Context, number uint32) context.Context {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return client.NewContext(ctx, c.list[number-1].info)
}

// text returns the combination of a number so that recall knows it in another process.
func (c *contexts) text(number uint32) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.list[number-1].text
}

// recall returns the number of what text returned in an earlier process, as if a request came with it now: keys that are not
// listed any more count no more, and there is no room beyond the limit. Where it reads otherwise now it has a number of its own: what goes
// out of it must be stored under the text that its requests are stored under.
func (c *contexts) recall(text string) (uint32, error) {
	values, err := parseValues(text)
	if err != nil {
		return 0, err
	}
	metadata := client.NewMetadata(values)
	number, err := c.find(metadata)
	if err != nil || number != 0 && c.text(number) == text {
		return number, err
	}
	return c.add(text, metadata, true)
}

// count returns how many combinations there are.
func (c *contexts) count() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return int64(len(c.list) - c.recovered)
}
