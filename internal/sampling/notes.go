package sampling

import "fmt"

// Notes says of every part of a valid configuration that has no effect that it has none, with its path. Contrib takes such
// configurations, and they are in use; doors tell the notes at start.
func (c *Config) Notes() []string {
	var list []string
	for i := range c.Policies {
		list = c.Policies[i].notes(fmt.Sprintf("policies[%d]", i), list)
	}
	for i := range c.ShadowPolicies {
		list = c.ShadowPolicies[i].notes(fmt.Sprintf("shadow_policies[%d]", i), list)
	}
	return list
}

// notes adds those of a policy, and of its sub-policies, to the list.
func (p *PolicyConfig) notes(path string, list []string) []string {
	for i := range registry {
		r := &registry[i]
		if !r.bare && r.name != p.Type && r.block(p) != nil {
			list = append(list, fmt.Sprintf("%s.%s has no effect on a policy of type %s", path, r.name, p.Type))
		}
	}
	if p.Type == "composite" && p.Composite != nil {
		list = p.Composite.notes(path+".composite", list)
	}
	subs, key := p.subPolicies()
	for i := range subs {
		list = subs[i].notes(fmt.Sprintf("%s.%s.%s[%d]", path, p.Type, key, i), list)
	}
	if p.Type == "not" && p.Not != nil && p.Not.SubPolicy != nil {
		list = p.Not.SubPolicy.notes(path+".not.not_sub_policy", list)
	}
	return list
}

// subPolicies returns the sub-policies that count, and the key that they are listed by.
func (p *PolicyConfig) subPolicies() (subs []PolicyConfig, key string) {
	switch {
	case p.Type == "and" && p.And != nil:
		return p.And.SubPolicies, "and_sub_policy"
	case p.Type == "drop" && p.Drop != nil:
		return p.Drop.SubPolicies, "drop_sub_policy"
	case p.Type == "composite" && p.Composite != nil:
		return p.Composite.SubPolicies, "composite_sub_policy"
	}
	return nil, ""
}
