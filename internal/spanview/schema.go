package spanview

import (
	"fmt"
	"slices"
)

// SpanSlot is the place of a wanted span attribute in [Batch.SpanValue].
type SpanSlot int

// ResourceSlot is the place of a wanted resource attribute in [Batch.ResourceValue].
type ResourceSlot int

// MaxSlots bounds the attribute keys that can be wanted at each level: a span's slots are cleared for every span.
const MaxSlots = 64

// Schema lists the attribute keys that some observer asked for, span and resource level apart. It is built while the
// configuration is compiled and never changes once a reader uses it: a reload builds a new one.
type Schema struct {
	span     KeyIndex
	resource KeyIndex
}

// Clone returns a copy that can be extended: every slot of s means the same key in it.
func (s *Schema) Clone() *Schema {
	c := *s
	c.span.keys = slices.Clone(s.span.keys)
	c.resource.keys = slices.Clone(s.resource.keys)
	return &c
}

// SpanSlot returns the slot of a span attribute, a new one where the key was not asked for before.
// It fails when the span level has [MaxSlots] keys already.
func (s *Schema) SpanSlot(key string) (SpanSlot, error) {
	i, err := s.span.add(key)
	if err != nil {
		return 0, fmt.Errorf("cannot observe span attribute %q: %w", key, err)
	}
	return SpanSlot(i), nil
}

// ResourceSlot returns the slot of a resource attribute, a new one where the key was not asked for before.
// It fails when the resource level has [MaxSlots] keys already.
func (s *Schema) ResourceSlot(key string) (ResourceSlot, error) {
	i, err := s.resource.add(key)
	if err != nil {
		return 0, fmt.Errorf("cannot observe resource attribute %q: %w", key, err)
	}
	return ResourceSlot(i), nil
}

// SpanSlots returns how many span attributes are wanted.
func (s *Schema) SpanSlots() int { return len(s.span.keys) }

// ResourceSlots returns how many resource attributes are wanted.
func (s *Schema) ResourceSlots() int { return len(s.resource.keys) }

// SpanKey returns the attribute key of a slot.
func (s *Schema) SpanKey(slot SpanSlot) string { return s.span.keys[slot] }

// ResourceKey returns the attribute key of a slot.
func (s *Schema) ResourceKey(slot ResourceSlot) string { return s.resource.keys[slot] }

// SpanKeys returns the index of the wanted span attributes' keys.
func (s *Schema) SpanKeys() *KeyIndex { return &s.span }

// ResourceKeys returns the index of the wanted resource attributes' keys.
func (s *Schema) ResourceKeys() *KeyIndex { return &s.resource }

// LookupSpan returns the slot of a span attribute's key, or -1. It does not allocate and does not keep the key.
func (s *Schema) LookupSpan(key []byte) int { return s.span.Lookup(key) }

// LookupResource returns the slot of a resource attribute's key, or -1. It does not allocate and does not keep the key.
func (s *Schema) LookupResource(key []byte) int { return s.resource.Lookup(key) }
