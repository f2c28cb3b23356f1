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
	// whole: the type is none of a sub-policy.
	whole bool
}

// policyBlock is the configuration of one policy type.
type policyBlock interface {
	// validate reports what is wrong with the block; path is the block's own.
	validate(path string, errs *problems)
	// compile turns a valid block into a condition on a trace's record.
	compile(c *compiler) (condition, error)
}

var registry = []registration{
	{name: "adaptive_throughput", block: func(p *PolicyConfig) policyBlock { return given(p.AdaptiveThroughput) }},
	{name: "always_sample", bare: true, block: func(*PolicyConfig) policyBlock { return alwaysSample{} }},
	{name: "and", block: func(p *PolicyConfig) policyBlock { return given(p.And) }},
	{name: "boolean_attribute", block: func(p *PolicyConfig) policyBlock { return given(p.BooleanAttribute) }},
	{name: "bytes_limiting", block: func(p *PolicyConfig) policyBlock { return given(p.BytesLimiting) }},
	{name: "composite", whole: true, block: func(p *PolicyConfig) policyBlock { return given(p.Composite) }},
	{name: "drop", whole: true, block: func(p *PolicyConfig) policyBlock { return given(p.Drop) }},
	{name: "first_seen", block: func(p *PolicyConfig) policyBlock { return given(p.FirstSeen) }},
	{name: "latency", block: func(p *PolicyConfig) policyBlock { return given(p.Latency) }},
	{name: "not", block: func(p *PolicyConfig) policyBlock { return given(p.Not) }},
	{name: "numeric_attribute", block: func(p *PolicyConfig) policyBlock { return given(p.NumericAttribute) }},
	{name: "ottl_condition", block: func(p *PolicyConfig) policyBlock { return given(p.OTTLCondition) }},
	{name: "probabilistic", block: func(p *PolicyConfig) policyBlock { return given(p.Probabilistic) }},
	{name: "rare", block: func(p *PolicyConfig) policyBlock { return given(p.Rare) }},
	{name: "rate_limiting", block: func(p *PolicyConfig) policyBlock { return given(p.RateLimiting) }},
	{name: "relative_latency", block: func(p *PolicyConfig) policyBlock { return given(p.RelativeLatency) }},
	{name: "slo", block: func(p *PolicyConfig) policyBlock { return given(p.SLO) }},
	{name: "span_count", block: func(p *PolicyConfig) policyBlock { return given(p.SpanCount) }},
	{name: "status_code", block: func(p *PolicyConfig) policyBlock { return given(p.StatusCode) }},
	{name: "string_attribute", block: func(p *PolicyConfig) policyBlock { return given(p.StringAttribute) }},
	{name: "trace_flags", bare: true, block: func(*PolicyConfig) policyBlock { return traceFlags{} }},
	{name: "trace_state", block: func(p *PolicyConfig) policyBlock { return given(p.TraceState) }},
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
