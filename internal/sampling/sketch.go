package sampling

import (
	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-slo/otelcol-slo/internal/operations"
	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// sketcher draws what a span adds to its trace's sketch: for its operation and status, and for whom it calls, three bits of 128
// each. The hashes are the same on every machine and in every version, so that sketches can be compared and merged.
type sketcher struct {
	wanted             bool
	namespace, service spanview.ResourceSlot
	// peers are the attributes that tell whom a call goes to; the first that has a text counts.
	peers [len(peerKeys)]spanview.SpanSlot
}

// peerKeys tell whom a call goes to. The last is an address, of which only names count: those of pods come and go.
var peerKeys = [...]string{
	"service.peer.name", "peer.service", "db.system.name", "db.system", "messaging.destination.name", "server.address",
}

const peerAddress = len(peerKeys) - 1

func (c *compiler) bindSketch() (err error) {
	k := &c.policies.sketch
	if k.wanted {
		return nil
	}
	k.wanted = true
	if k.namespace, err = c.schema.ResourceSlot("service.namespace"); err != nil {
		return err
	}
	if k.service, err = c.schema.ResourceSlot("service.name"); err != nil {
		return err
	}
	for i, key := range peerKeys {
		if k.peers[i], err = c.schema.SpanSlot(key); err != nil {
			return err
		}
	}
	return nil
}

// match sets the sketches of a batch. services is scratch.
func (k *sketcher) match(b *spanview.Batch, traits []spanview.Traits, services []uint64) []uint64 {
	services = services[:0]
	for i := range b.Resources {
		values := b.ResourceValues(i)
		services = append(services, operations.Join(xxhash.Sum64String(textOf(&values[k.namespace])), xxhash.Sum64String(textOf(&values[k.service]))))
	}
	for i := range b.Spans {
		s, sketch := &b.Spans[i], &traits[i].Sketch
		service := services[s.Resource]
		operation := operations.Join(service, xxhash.Sum64String(s.Name))
		addElement(sketch, operations.Join(operation, uint64(uint32(s.Kind))<<32|uint64(uint32(s.Status))))
		if s.Kind == spanview.KindClient || s.Kind == spanview.KindProducer {
			if peer := k.peer(b.SpanValues(i)); peer != 0 {
				addElement(sketch, operations.Join(service, peer))
			}
		}
	}
	return services
}

// peer returns a hash of whom a call goes to, 0 where nothing tells.
func (k *sketcher) peer(values []spanview.Value) uint64 {
	for i, slot := range k.peers {
		text := textOf(&values[slot])
		if text == "" || i == peerAddress && isAddress(text) {
			continue
		}
		return operations.Join(xxhash.Sum64String(text), uint64(i))
	}
	return 0
}

// isAddress tells an IP address, with or without a port, from a name. Most names show by one of their first letters.
func isAddress(host string) bool {
	letters, colons := false, 0
	for i := range len(host) {
		switch c := host[i]; {
		case c == '.', c >= '0' && c <= '9':
		case c == ':':
			colons++
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			letters = true
		default:
			return false
		}
	}
	return !letters || colons > 1
}

// addElement sets the bits of an element: 7 bits of its hash each.
func addElement(sketch *[2]uint64, hash uint64) {
	for range elementBits {
		sketch[hash>>6&1] |= 1 << (hash & 63)
		hash >>= 7
	}
}

// elementBits is how many bits of a sketch stand for an element. More make it surer that an element shows among few others, and less
// sure among many.
const elementBits = 3
