package sampling

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unsafe"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// traceKeys gives spans the traits that traces are told apart by. Its hashes are the same in every process, so that records of one
// trace can be merged.
type traceKeys struct {
	// keyed, signed: keys and error signatures are wanted.
	keyed, signed bool
	// attributes are what the key is made of; none: of service and name.
	attributes []keyAttribute
	// names are those of attributes.
	names []string

	// service is the resource's slot of service.name; errors are the span's slots of what tells errors apart, the best first.
	service int
	errors  []int
}

// keyAttribute is the place of an attribute, in spans and, for those without it, in resources.
type keyAttribute struct{ span, resource int }

// errorAttributes tell errors of one operation apart. The first that is there counts.
var errorAttributes = []string{"error.type", "http.response.status_code", "rpc.response.status_code", "rpc.grpc.status_code"}

// wantKeys asks for keys of spans, made of these attributes, or of service and name.
func (c *compiler) wantKeys(attributes []string) error {
	k := &c.policies.keys
	if k.keyed {
		if slices.Equal(k.names, attributes) {
			return nil
		}
		c.problems.addf(c.path+".adaptive_throughput", "must tell traces apart as the other policies of its type do, by %s (got %s): "+
			"a trace has one key beside its error_signature", keyNames(k.names), keyNames(attributes))
		return nil
	}
	k.keyed, k.names = true, slices.Clone(attributes)
	for _, name := range attributes {
		span, err := c.schema.SpanSlot(name)
		if err != nil {
			return err
		}
		resource, err := c.schema.ResourceSlot(name)
		if err != nil {
			return err
		}
		k.attributes = append(k.attributes, keyAttribute{span: int(span), resource: int(resource)})
	}
	if len(attributes) > 0 {
		return nil
	}
	return c.wantService()
}

// same reports whether both give spans the same traits.
func (k *traceKeys) same(o *traceKeys) bool {
	return k.keyed == o.keyed && k.signed == o.signed && slices.Equal(k.names, o.names)
}

func keyNames(attributes []string) string {
	if len(attributes) == 0 {
		return keyRootOperation
	}
	return "key_attributes [" + strings.Join(attributes, ", ") + "]"
}

// wantErrorSignatures asks for error signatures of spans.
func (c *compiler) wantErrorSignatures() error {
	k := &c.policies.keys
	if k.signed {
		return nil
	}
	k.signed = true
	for _, name := range errorAttributes {
		slot, err := c.schema.SpanSlot(name)
		if err != nil {
			return err
		}
		k.errors = append(k.errors, int(slot))
	}
	return c.wantService()
}

func (c *compiler) wantService() error {
	slot, err := c.schema.ResourceSlot("service.name")
	c.policies.keys.service = int(slot)
	return err
}

// rootMark is the bit of a root's key: it is greater than those of other spans.
const rootMark = 1 << 63

// fill sets the keys and signatures of a batch's spans.
func (k *traceKeys) fill(b *spanview.Batch, traits []spanview.Traits, sc *Scratch) {
	sc.services = sc.services[:0]
	if k.signed || len(k.attributes) == 0 {
		for i := range b.Resources {
			sc.services = append(sc.services, hashValue(b.ResourceValue(i, spanview.ResourceSlot(k.service))))
		}
	}
	for i := range b.Spans {
		s, t := &b.Spans[i], &traits[i]
		if k.keyed {
			t.Key = k.key(b, i, s, sc.services)
		}
		if k.signed && s.Status == spanview.StatusError {
			t.ErrorSignature = k.signature(b, i, s, sc.services)
		}
	}
}

// key returns a span's key; 0 where it has none of the attributes.
func (k *traceKeys) key(b *spanview.Batch, i int, s *spanview.Span, services []uint64) uint64 {
	var h uint64
	if len(k.attributes) == 0 {
		h = mix(services[s.Resource], hashText(s.Name))
	} else if h = k.attributesHash(b.SpanValues(i), b.ResourceValues(int(s.Resource))); h == 0 {
		return 0
	}
	if s.ParentID == [8]byte{} {
		return h | rootMark
	}
	return h&^rootMark | 1
}

func (k *traceKeys) attributesHash(span, resource []spanview.Value) uint64 {
	var h uint64
	found := false
	for _, a := range k.attributes {
		v := &span[a.span]
		if !v.Present() {
			v = &resource[a.resource]
		}
		found = found || v.Present()
		h = mix(h, hashValue(v))
	}
	if !found {
		return 0
	}
	return h
}

// signature returns a hash of what went wrong in a span, never 0.
func (k *traceKeys) signature(b *spanview.Batch, i int, s *spanview.Span, services []uint64) uint64 {
	h := mix(services[s.Resource], hashText(s.Name))
	values := b.SpanValues(i)
	for _, slot := range k.errors {
		if v := &values[slot]; v.Present() {
			h = mix(h, hashValue(v))
			break
		}
	}
	return h | 1
}

// hashValue hashes type and value; an absent one too.
func hashValue(v *spanview.Value) uint64 {
	if v.Type == spanview.Absent {
		return 0
	}
	return mix(uint64(v.Type)<<56^v.Num, hashText(v.Str))
}

// hashText hashes a text, 16 bytes at a time; the last 16 may overlap those before.
func hashText(text string) uint64 {
	b := unsafe.Slice(unsafe.StringData(text), len(text))
	h := uint64(len(b)) * 0xA0761D6478BD642F // no few bytes make up for another length
	if len(b) >= 16 {
		for ; len(b) > 16; b = b[16:] {
			h = mix(h^binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]))
		}
		b = unsafe.Slice(unsafe.StringData(text), len(text))[len(text)-16:]
		return mix(h^binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]))
	}
	var lo, hi uint64
	switch n := len(b); {
	case n >= 8:
		lo, hi = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		lo, hi = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		lo = uint64(b[0])<<16 | uint64(b[n/2])<<8 | uint64(b[n-1])
	}
	return mix(h^lo, hi)
}

// mix adds a part to a hash by a folded 128-bit product.
func mix(h, part uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9E3779B97F4A7C15, part^0xD6E8FEB86659FD93)
	return hi ^ lo
}
