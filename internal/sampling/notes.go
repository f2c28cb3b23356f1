package sampling

import "fmt"

// Notes says of every part of a valid configuration that has no effect that it has none, with its path. Contrib takes such
// configurations, and they are in use; doors tell the notes at start.
func (c *Config) Notes() []string {
	var list []string
	c.EachPolicy(func(path string, p *PolicyConfig) {
		for i := range registry {
			r := &registry[i]
			if !r.bare && r.name != p.Type && r.block(p) != nil {
				list = append(list, fmt.Sprintf("%s.%s has no effect on a policy of type %s", path, r.name, p.Type))
			}
		}
		if p.Type == "composite" && p.Composite != nil {
			list = p.Composite.notes(path+".composite", list)
		}
	})
	return list
}

// EachPolicy visits every policy, shadow policies too, with its path; each before its sub-policies.
func (c *Config) EachPolicy(visit func(path string, p *PolicyConfig)) {
	for i := range c.Policies {
		c.Policies[i].each(fmt.Sprintf("policies[%d]", i), visit)
	}
	for i := range c.ShadowPolicies {
		c.ShadowPolicies[i].each(fmt.Sprintf("shadow_policies[%d]", i), visit)
	}
}

func (p *PolicyConfig) each(path string, visit func(path string, p *PolicyConfig)) {
	visit(path, p)
	subs, key := p.subPolicies()
	for i := range subs {
		subs[i].each(fmt.Sprintf("%s.%s.%s[%d]", path, p.Type, key, i), visit)
	}
	if p.Type == "not" && p.Not != nil && p.Not.SubPolicy != nil {
		p.Not.SubPolicy.each(path+".not.not_sub_policy", visit)
	}
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
