package sampling

import "fmt"

// standing enters a limit of the policy that is being compiled: a new one or, where the policies before had the very same, that one,
// which goes on where it stands. It is the same where the policy has the same name and type and the limit says the same, whatever else
// changed. Both sets of policies use it then: rounds are serialized, and what is asked beside them is atomic.
func standing[T rounder](c *compiler, says string, fresh T) T {
	says = fmt.Sprintf("%s, %s, against: %t", c.name, says, c.against)
	key := says
	for n := 2; c.into.limits[key] != nil; n++ { // a policy may have several alike
		key = fmt.Sprintf("%s, %d", says, n)
	}
	limit, same := c.before().limits[key].(T)
	if !same {
		limit = fresh
	}
	if c.into.limits == nil {
		c.into.limits = map[string]rounder{}
	}
	c.into.limits[key] = limit
	c.into.rounders = append(c.into.rounders, limit)
	return limit
}

// before are the policies that those being compiled take the place of, or their shadow where it is a shadow that is compiled; empty ones
// where there are none.
func (c *compiler) before() *Policies {
	before := c.options.Previous
	if before != nil && c.into != c.policies {
		before = before.shadow
	}
	if before == nil {
		return &Policies{}
	}
	return before
}
