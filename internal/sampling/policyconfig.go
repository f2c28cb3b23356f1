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

	And              *AndConfig              `mapstructure:"and"`
	BooleanAttribute *BooleanAttributeConfig `mapstructure:"boolean_attribute"`
	Drop             *DropConfig             `mapstructure:"drop"`
	Latency          *LatencyConfig          `mapstructure:"latency"`
	NumericAttribute *NumericAttributeConfig `mapstructure:"numeric_attribute"`
	Probabilistic    *ProbabilisticConfig    `mapstructure:"probabilistic"`
	StatusCode       *StatusCodeConfig       `mapstructure:"status_code"`
	StringAttribute  *StringAttributeConfig  `mapstructure:"string_attribute"`

	// Unknown holds keys that are none of the above, so that Validate can say what is wrong with them.
	Unknown map[string]any `mapstructure:",remain"`
}

// validatePolicies checks the entries of `policies:`.
func validatePolicies(list []PolicyConfig, errs *problems) {
	first := make(map[string]int, len(list))
	for i := range list {
		p, path := &list[i], fmt.Sprintf("policies[%d]", i)
		if p.Name == "" {
			errs.addf(path+".name", "must not be empty (got %q): counters are told apart by it", p.Name)
		} else if j, taken := first[p.Name]; taken {
			errs.addf(path+".name", "must be unique (got %q): policies[%d] has it too", p.Name, j)
		} else {
			first[p.Name] = i
		}
		p.validate(path, errs)
	}
}

// validateSubPolicies checks a list of sub-policies, which are of the types that have no sub-policies themselves.
func validateSubPolicies(list []PolicyConfig, path string, errs *problems) {
	if len(list) == 0 {
		errs.addf(path, "must list at least one policy (got none): a list of none would hold for every trace")
	}
	for i := range list {
		p, path := &list[i], fmt.Sprintf("%s[%d]", path, i)
		if r := lookup(p.Type); r != nil && r.nests {
			errs.addf(path+".type", "must not be %q here (got %q): sub-policies do not nest; supported are %s",
				p.Type, p.Type, typeNames(func(r *registration) bool { return !r.nests }))
			continue
		}
		p.validate(path, errs)
	}
}

// validate checks the type, that its block is there and right, and that no unknown key is there. Blocks of other types are
// left to Notes.
func (p *PolicyConfig) validate(path string, errs *problems) {
	r := lookup(p.Type)
	switch {
	case r != nil:
		p.validateBlocks(r, path, errs)
	case slices.Contains(notSupported, p.Type):
		errs.addf(path+".type", "is not supported yet (got %q): supported are %s", p.Type, typeNames(nil))
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
