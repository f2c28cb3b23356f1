package red

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// family is a set of series with the same dimensions. There is one, which has calls and durations, or, where these have
// dimensions of their own, one of each.
type family struct {
	index    int
	identity *identity
	dims     []dimension
	slots    []spanview.SpanSlot // of dims

	serviceName, spanName, spanKind, statusCode bool // on the series; not excluded

	calls     bool
	durations durations
	stride    int   // words of a cell
	maxSize   int32 // of exponential histograms, 0 where durations are not
}

// durations says how a family's durations are counted.
type durations uint8

const (
	durationsNone durations = iota
	durationsExplicit
	durationsExponential
)

// identity is where the attributes lie that make up a metric's resource.
type identity struct {
	namespace, name             spanview.ResourceSlot
	environment, environmentOld spanview.ResourceSlot
	keys                        []keyAttribute
}

type keyAttribute struct {
	name string
	slot spanview.ResourceSlot
}

// dimension is a dimension with its slots.
type dimension struct {
	name     string
	span     spanview.SpanSlot
	resource spanview.ResourceSlot
	fallback spanview.Value // the default, Absent where there is none
}

func newIdentity(c *Config, s *spanview.Schema) (*identity, error) {
	var id identity
	for _, a := range []struct {
		key  string
		slot *spanview.ResourceSlot
	}{
		{attrServiceNamespace, &id.namespace},
		{attrServiceName, &id.name},
		{attrEnvironment, &id.environment},
		{attrEnvironmentOld, &id.environmentOld},
	} {
		var err error
		if *a.slot, err = s.ResourceSlot(a.key); err != nil {
			return nil, err
		}
	}
	for _, key := range c.ResourceMetricsKeyAttributes {
		if isBaseIdentity(key) {
			continue
		}
		slot, err := s.ResourceSlot(key)
		if err != nil {
			return nil, err
		}
		id.keys = append(id.keys, keyAttribute{name: key, slot: slot})
	}
	return &id, nil
}

// newFamilies compiles the dimensions. The last family is the one that has durations, if any has.
func newFamilies(c *Config, s *spanview.Schema) ([]*family, error) {
	id, err := newIdentity(c, s)
	if err != nil {
		return nil, err
	}
	kind := durationsExplicit
	switch {
	case c.Histogram.Disable:
		kind = durationsNone
	case c.Histogram.Exponential != nil:
		kind = durationsExponential
	}
	apart := kind != durationsNone && len(c.CallsDimensions)+len(c.Histogram.Dimensions) > 0
	if !apart {
		f, err := newFamily(c, s, id, c.CallsDimensions)
		if err != nil {
			return nil, err
		}
		f.calls, f.durations = true, kind
		return []*family{f}, nil
	}
	calls, err := newFamily(c, s, id, c.CallsDimensions)
	if err != nil {
		return nil, err
	}
	durations, err := newFamily(c, s, id, c.Histogram.Dimensions)
	if err != nil {
		return nil, err
	}
	calls.calls, durations.durations, durations.index = true, kind, 1
	return []*family{calls, durations}, nil
}

func newFamily(c *Config, s *spanview.Schema, id *identity, own []Dimension) (*family, error) {
	f := &family{
		identity:    id,
		serviceName: !slices.Contains(c.ExcludeDimensions, attrServiceName),
		spanName:    !slices.Contains(c.ExcludeDimensions, attrSpanName),
		spanKind:    !slices.Contains(c.ExcludeDimensions, attrSpanKind),
		statusCode:  !slices.Contains(c.ExcludeDimensions, attrStatusCode),
	}
	for _, d := range slices.Concat(c.Dimensions, own) {
		span, err := s.SpanSlot(d.Name)
		if err != nil {
			return nil, err
		}
		resource, err := s.ResourceSlot(d.Name)
		if err != nil {
			return nil, err
		}
		dim := dimension{name: d.Name, span: span, resource: resource}
		if d.Default != nil {
			dim.fallback = spanview.Value{Type: spanview.String, Str: *d.Default}
		}
		f.dims = append(f.dims, dim)
		f.slots = append(f.slots, span)
	}
	return f, nil
}

// value returns a dimension's value: the span's attribute, else the resource's, else the default.
func (d *dimension) value(span, resource []spanview.Value) *spanview.Value {
	if v := &span[d.span]; v.Type != spanview.Absent {
		return v
	}
	if v := &resource[d.resource]; v.Type != spanview.Absent {
		return v
	}
	return &d.fallback
}

// environmentOf returns the environment under its current name, else under its old one.
func (id *identity) environmentOf(resource []spanview.Value) *spanview.Value {
	if v := &resource[id.environment]; v.Type != spanview.Absent {
		return v
	}
	return &resource[id.environmentOld]
}

// serviceOf returns the service's name. It may alias the request.
func (id *identity) serviceOf(resource []spanview.Value) string {
	v := &resource[id.name]
	name := ""
	if v.Type == spanview.String {
		name = clean(v.Str)
	} else {
		name = string(appendText(nil, v))
	}
	if name == "" {
		return unknownService
	}
	return name
}

// resourceAttributes returns the attributes of the metrics' resource. Its service.instance.id is the writer.
func (id *identity) resourceAttributes(resource []spanview.Value, writer string) pcommon.Map {
	m := id.serviceAttributes(resource, writer)
	put(m, attrEnvironment, id.environmentOf(resource))
	for i := range id.keys {
		put(m, id.keys[i].name, &resource[id.keys[i].slot])
	}
	return m
}

// serviceAttributes returns the part of them that tells services apart.
func (id *identity) serviceAttributes(resource []spanview.Value, writer string) pcommon.Map {
	m := pcommon.NewMap()
	m.PutStr(attrServiceName, strings.Clone(id.serviceOf(resource)))
	put(m, attrServiceNamespace, &resource[id.namespace])
	m.PutStr(attrInstance, writer)
	return m
}

// attributes returns a span's data point attributes, which outlive the request. What tells resources apart is among them where Prometheus would not
// have it from the resource: it takes job and instance from there and nothing else.
func (f *family) attributes(b *spanview.Batch, span int) pcommon.Map {
	s := &b.Spans[span]
	values, resource := b.SpanValues(span), b.ResourceValues(int(s.Resource))
	m := pcommon.NewMap()
	m.EnsureCapacity(5 + len(f.identity.keys) + len(f.dims))
	if f.serviceName {
		m.PutStr(attrServiceName, strings.Clone(f.identity.serviceOf(resource)))
	}
	if f.spanName {
		m.PutStr(attrSpanName, strings.Clone(clean(s.Name)))
	}
	if f.spanKind {
		m.PutStr(attrSpanKind, kindNames[kindIndex(s.Kind)])
	}
	if f.statusCode {
		m.PutStr(attrStatusCode, statusNames[statusIndex(s.Status)])
	}
	put(m, attrEnvironment, f.identity.environmentOf(resource))
	for i := range f.identity.keys {
		put(m, f.identity.keys[i].name, &resource[f.identity.keys[i].slot])
	}
	for i := range f.dims {
		put(m, f.dims[i].name, f.dims[i].value(values, resource))
	}
	return m
}

// overflowAttributes returns the data point attributes of a service's overflow series.
func (f *family) overflowAttributes(resource []spanview.Value) pcommon.Map {
	m := pcommon.NewMap()
	if f.serviceName {
		m.PutStr(attrServiceName, strings.Clone(f.identity.serviceOf(resource)))
	}
	m.PutBool(attrOverflow, true)
	return m
}
