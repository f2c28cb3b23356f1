package sampling

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// PolicyConfig is one entry of `policies:` or of a list of sub-policies: a name, a type, and the block named after the
// type. A block is nil where the configuration has none.
type PolicyConfig struct {
	// Name tells the policy apart in counters. Wanted and unique in `policies:`; free in sub-policies.
	Name string `mapstructure:"name"`
	// Type says which block counts.
	Type string `mapstructure:"type"`

	AdaptiveThroughput *AdaptiveThroughputConfig `mapstructure:"adaptive_throughput"`
	And                *AndConfig                `mapstructure:"and"`
	BooleanAttribute   *BooleanAttributeConfig   `mapstructure:"boolean_attribute"`
	BytesLimiting      *BytesLimitingConfig      `mapstructure:"bytes_limiting"`
	Composite          *CompositeConfig          `mapstructure:"composite"`
	Drop               *DropConfig               `mapstructure:"drop"`
	FirstSeen          *FirstSeenConfig          `mapstructure:"first_seen"`
	Latency            *LatencyConfig            `mapstructure:"latency"`
	Not                *NotConfig                `mapstructure:"not"`
	NumericAttribute   *NumericAttributeConfig   `mapstructure:"numeric_attribute"`
	OTTLCondition      *OTTLConditionConfig      `mapstructure:"ottl_condition"`
	Probabilistic      *ProbabilisticConfig      `mapstructure:"probabilistic"`
	Rare               *RareConfig               `mapstructure:"rare"`
	RateLimiting       *RateLimitingConfig       `mapstructure:"rate_limiting"`
	RelativeLatency    *RelativeLatencyConfig    `mapstructure:"relative_latency"`
	SLO                *SLOConfig                `mapstructure:"slo"`
	SpanCount          *SpanCountConfig          `mapstructure:"span_count"`
	StatusCode         *StatusCodeConfig         `mapstructure:"status_code"`
	StringAttribute    *StringAttributeConfig    `mapstructure:"string_attribute"`
	TraceState         *TraceStateConfig         `mapstructure:"trace_state"`

	// Unknown holds keys that are none of the above, so that Validate can say what is wrong with them.
	Unknown map[string]any `mapstructure:",remain"`
}

// validatePolicies checks the entries of `policies:` or another list under a key of its own.
func validatePolicies(key string, list []PolicyConfig, errs *problems) {
	first := make(map[string]int, len(list))
	for i := range list {
		p, path := &list[i], fmt.Sprintf("%s[%d]", key, i)
		if p.Name == "" {
			errs.addf(path+".name", "must not be empty (got %q): counters are told apart by it", p.Name)
		} else if j, taken := first[p.Name]; taken {
			errs.addf(path+".name", "must be unique (got %q): %s[%d] has it too", p.Name, key, j)
		} else {
			first[p.Name] = i
		}
		p.validate(path, errs)
	}
}

// validateSubPolicies checks a list of sub-policies.
func validateSubPolicies(list []PolicyConfig, path string, errs *problems) {
	if len(list) == 0 {
		errs.addf(path, "must list at least one policy (got none): a list of none would hold for every trace")
	}
	for i := range list {
		list[i].validateSub(fmt.Sprintf("%s[%d]", path, i), errs)
	}
}

// validateSub checks a policy that is a part of another one.
func (p *PolicyConfig) validateSub(path string, errs *problems) {
	if r := lookup(p.Type); r != nil && r.whole {
		errs.addf(path+".type", "must not be %q here (got %q): it stands on its own; supported are %s",
			p.Type, p.Type, typeNames(func(r *registration) bool { return !r.whole }))
		return
	}
	p.validate(path, errs)
}

// validate checks the type, that its block is there and right, and that no unknown key is there. Blocks of other types are
// left to Notes.
func (p *PolicyConfig) validate(path string, errs *problems) {
	r := lookup(p.Type)
	switch {
	case r != nil:
		p.validateBlocks(r, path, errs)
	default:
		errs.addf(path+".type", "must be a known policy type (got %q): supported are %s", p.Type, typeNames(nil))
	}
	for _, key := range slices.Sorted(maps.Keys(p.Unknown)) {
		if key == p.Type {
			continue // the type was refused already
		}
		errs.addf(path+"."+key, "must not be there (got key %q): a policy has name, type and the block named after its type", key)
	}
}

func (p *PolicyConfig) validateBlocks(own *registration, path string, errs *problems) {
	for i := range registry {
		r := &registry[i]
		switch given := !r.bare && r.block(p) != nil; {
		case r.name == own.name && (given || r.bare):
			r.block(p).validate(path+"."+r.name, errs)
		case r.name == own.name:
			errs.addf(path+"."+r.name, "must be there (got none): a policy of type %s is configured by it", r.name)
		}
	}
}

// typeNames lists the types that satisfy the filter, all without one.
func typeNames(filter func(*registration) bool) string {
	var names []string
	for i := range registry {
		if filter == nil || filter(&registry[i]) {
			names = append(names, registry[i].name)
		}
	}
	return strings.Join(names, ", ")
}
