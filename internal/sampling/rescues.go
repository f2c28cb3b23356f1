package sampling

import "slices"

// rescuer is a block whose policy a late span may be what it waited for, and so bring a dropped trace back.
type rescuer interface{ rescues() bool }

// rescues reports whether a late span can satisfy the policy.
func (p *PolicyConfig) rescues() bool {
	r, can := lookup(p.Type).block(p).(rescuer)
	return can && r.rescues()
}

func anyRescues(parts []PolicyConfig) bool {
	return slices.ContainsFunc(parts, func(p PolicyConfig) bool { return p.rescues() })
}

func (a *AndConfig) rescues() bool           { return anyRescues(a.SubPolicies) }
func (c *CompositeConfig) rescues() bool     { return anyRescues(c.SubPolicies) }
func (*FirstSeenConfig) rescues() bool       { return true }
func (*LatencyConfig) rescues() bool         { return true }
func (*RelativeLatencyConfig) rescues() bool { return true }
func (*SpanCountConfig) rescues() bool       { return true }
func (*StatusCodeConfig) rescues() bool      { return true }
func (traceFlags) rescues() bool             { return true }
func (*TraceStateConfig) rescues() bool      { return true }
func (*OTTLConditionConfig) rescues() bool   { return true }

// A late span can bring an attribute, never take it away.

func (b *BooleanAttributeConfig) rescues() bool { return !b.InvertMatch }
func (n *NumericAttributeConfig) rescues() bool { return !n.InvertMatch }
func (s *StringAttributeConfig) rescues() bool  { return !s.InvertMatch }
