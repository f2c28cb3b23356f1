package slo

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// match is a parsed [Match]; bind gives its attribute conditions their slots.
type match struct {
	kinds    uint8 // kindBit of every allowed kind
	name     *condition
	span     []spanCondition
	resource []resourceCondition
}

type spanCondition struct {
	key   string
	slots []spanview.SpanSlot
	holds *condition
}

type resourceCondition struct {
	key   string
	slots []spanview.ResourceSlot
	holds *condition
}

func parseMatch(p *parser, path string, m *Match) match {
	out := match{kinds: parseKinds(p, join(path, "kinds"), m.Kinds, kindsAll)}
	for _, key := range slices.Sorted(maps.Keys(m.Attributes)) {
		if c := parseNamed(p, join(path, "attributes."+key), m.Attributes[key]); c != nil {
			out.span = append(out.span, spanCondition{key: key, holds: c})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m.ResourceAttributes)) {
		if c := parseNamed(p, join(path, "resource_attributes."+key), m.ResourceAttributes[key]); c != nil {
			out.resource = append(out.resource, resourceCondition{key: key, holds: c})
		}
	}
	if m.SpanName != nil {
		out.name = parseNamed(p, join(path, "span_name"), m.SpanName)
	}
	return out
}

func parseNamed(p *parser, path string, raw any) *condition {
	c, err := parseCondition(raw)
	if err != nil {
		p.add(path, "%v", err)
		return nil
	}
	return c
}

func (m *Match) empty() bool {
	return len(m.Attributes) == 0 && len(m.ResourceAttributes) == 0 && m.SpanName == nil && len(m.Kinds) == 0
}

func (m *match) bind(s *spanview.Schema) error {
	for i := range m.span {
		c := &m.span[i]
		slots, err := spanSlots(s, namesOf(c.key))
		if err != nil {
			return err
		}
		c.slots = slots
	}
	for i := range m.resource {
		c := &m.resource[i]
		slots, err := resourceSlots(s, namesOf(c.key))
		if err != nil {
			return err
		}
		c.slots = slots
	}
	return nil
}

func (m *match) holdsResource(b *spanview.Batch, resource int) bool {
	for i := range m.resource {
		if !m.resource[i].holds.value(firstResource(b, resource, m.resource[i].slots)) {
			return false
		}
	}
	return true
}

func (m *match) holdsSpan(b *spanview.Batch, span int, s *spanview.Span) bool {
	if m.kinds&kindBit(s.Kind) == 0 || m.name != nil && !m.name.text(s.Name) {
		return false
	}
	for i := range m.span {
		if !m.span[i].holds.value(firstSpan(b, span, m.span[i].slots)) {
			return false
		}
	}
	return true
}

// kindNames are the span kinds of OTLP by number.
var kindNames = [6]string{"unspecified", "internal", "server", "client", "producer", "consumer"}

const kindsAll uint8 = 1<<len(kindNames) - 1

// kindBit returns the bit of a span kind in a set of kinds; kinds that OTLP does not know count as unspecified.
func kindBit(kind int32) uint8 {
	if uint32(kind) >= uint32(len(kindNames)) {
		kind = spanview.KindUnspecified
	}
	return 1 << kind
}

// parseKinds reads span kinds, written "server" or as OTLP has them, "SPAN_KIND_SERVER".
func parseKinds(p *parser, path string, names []string, otherwise uint8) uint8 {
	if len(names) == 0 {
		return otherwise
	}
	var kinds uint8
	for i, name := range names {
		kind := slices.Index(kindNames[:], strings.TrimPrefix(strings.ToLower(name), "span_kind_"))
		if kind < 0 {
			p.add(fmt.Sprintf("%s[%d]", path, i), "must be one of %s (got %q)", strings.Join(kindNames[:], ", "), name)
			continue
		}
		kinds |= 1 << kind
	}
	return kinds
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
