package sampling

// registration makes a type of policy known. A new type is one file with its block, one field of [PolicyConfig] and one
// line here.
type registration struct {
	// name is the value of `type:` and the key of the block.
	name string
	// block returns the policy's block of this type, nil where there is none.
	block func(*PolicyConfig) policyBlock
	// bare: the type has no block; block returns a stand-in.
	bare bool
	// nests: the type lists sub-policies and can't be one.
	nests bool
	// rescues: a late span that satisfies it brings a dropped trace back.
	rescues bool
}

// policyBlock is the configuration of one policy type.
type policyBlock interface {
	// validate reports what is wrong with the block; path is the block's own.
	validate(path string, errs *problems)
	// compile turns a valid block into a condition on a trace's record.
	compile(c *compiler) (condition, error)
}

var registry = []registration{
	{name: "always_sample", bare: true, block: func(*PolicyConfig) policyBlock { return alwaysSample{} }},
	{name: "and", nests: true, block: func(p *PolicyConfig) policyBlock { return given(p.And) }},
	{name: "boolean_attribute", block: func(p *PolicyConfig) policyBlock { return given(p.BooleanAttribute) }},
	{name: "drop", nests: true, block: func(p *PolicyConfig) policyBlock { return given(p.Drop) }},
	{name: "latency", rescues: true, block: func(p *PolicyConfig) policyBlock { return given(p.Latency) }},
	{name: "numeric_attribute", block: func(p *PolicyConfig) policyBlock { return given(p.NumericAttribute) }},
	{name: "probabilistic", block: func(p *PolicyConfig) policyBlock { return given(p.Probabilistic) }},
	{name: "status_code", rescues: true, block: func(p *PolicyConfig) policyBlock { return given(p.StatusCode) }},
	{name: "string_attribute", block: func(p *PolicyConfig) policyBlock { return given(p.StringAttribute) }},
}

// notSupported are the types of contrib v0.160.0 that are not built.
var notSupported = []string{
	"bytes_limiting", "composite", "not", "ottl_condition", "rate_limiting", "span_count", "trace_flags", "trace_state",
}

// lookup returns the registration of a type, nil for an unknown one.
func lookup(name string) *registration {
	for i := range registry {
		if registry[i].name == name {
			return &registry[i]
		}
	}
	return nil
}

// given turns a nil block into a nil interface.
func given[T any, P interface {
	*T
	policyBlock
}](block P) policyBlock {
	if block == nil {
		return nil
	}
	return block
}

// rescues reports whether a late span can satisfy the policy: by itself, or as a part of an `and`.
func (p *PolicyConfig) rescues() bool {
	if lookup(p.Type).rescues {
		return true
	}
	if p.Type != "and" {
		return false
	}
	for i := range p.And.SubPolicies {
		if p.And.SubPolicies[i].rescues() {
			return true
		}
	}
	return false
}
