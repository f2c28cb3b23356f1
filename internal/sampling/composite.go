package sampling

import "fmt"

// CompositeConfig is the `composite:` block: the first sub-policy that matches a trace decides, within a number of spans a
// second that is allocated to it.
type CompositeConfig struct {
	// MaxTotalSpansPerSecond is what is allocated to all sub-policies together.
	MaxTotalSpansPerSecond int64 `mapstructure:"max_total_spans_per_second"`
	// PolicyOrder is accepted and has no effect, as in contrib: sub-policies are asked in the order in which they are listed.
	PolicyOrder []string `mapstructure:"policy_order"`
	// SubPolicies are at least one, of any type but composite, drop.
	SubPolicies []PolicyConfig `mapstructure:"composite_sub_policy"`
	// RateAllocation gives sub-policies a share of the total each. One that is not named, or has 0, gets an equal share of the
	// total. Where the shares are more than the total together, all are scaled down to it.
	RateAllocation []RateAllocationConfig `mapstructure:"rate_allocation"`
}

// RateAllocationConfig is an entry of `rate_allocation:`.
type RateAllocationConfig struct {
	// Policy is the name of a sub-policy.
	Policy string `mapstructure:"policy"`
	// Percent is its share of the total, 0 to 100.
	Percent int64 `mapstructure:"percent"`
}

func (c *CompositeConfig) validate(path string, errs *problems) {
	validateRate(c.MaxTotalSpansPerSecond, path+".max_total_spans_per_second", errs)
	validateSubPolicies(c.SubPolicies, path+".composite_sub_policy", errs)
	for i, a := range c.RateAllocation {
		if a.Percent < 0 {
			errs.addf(fmt.Sprintf("%s.rate_allocation[%d].percent", path, i), "must be at least 0 (got %d)", a.Percent)
		}
	}
}

// notes adds what has no effect to the list.
func (c *CompositeConfig) notes(path string, list []string) []string {
	for i, a := range c.RateAllocation {
		if !c.names(a.Policy) {
			list = append(list, fmt.Sprintf("%s.rate_allocation[%d] has no effect: no sub-policy is called %q", path, i, a.Policy))
		}
	}
	return list
}

func (c *CompositeConfig) names(policy string) bool {
	for i := range c.SubPolicies {
		if c.SubPolicies[i].Name == policy {
			return true
		}
	}
	return false
}

// allocations returns what each sub-policy gets, in spans a second.
func (c *CompositeConfig) allocations() []int64 {
	percent := make(map[string]int64, len(c.RateAllocation))
	for _, a := range c.RateAllocation {
		percent[a.Policy] = a.Percent
	}
	total := float64(c.MaxTotalSpansPerSecond)
	shares := make([]float64, len(c.SubPolicies))
	var sum float64
	for i := range c.SubPolicies {
		shares[i] = 1 / float64(len(c.SubPolicies))
		if p := percent[c.SubPolicies[i].Name]; p > 0 {
			shares[i] = float64(p) / 100
		}
		sum += shares[i]
	}
	rates := make([]int64, len(shares))
	for i, share := range shares {
		rates[i] = int64(total * share / max(sum, 1))
	}
	return rates
}

func (c *CompositeConfig) compile(to *compiler) (condition, error) {
	rates := c.allocations()
	list := make(composite, len(c.SubPolicies))
	path := to.path
	defer func() { to.path = path }()
	for i := range c.SubPolicies {
		to.path = fmt.Sprintf("%s.composite.composite_sub_policy[%d]", path, i)
		when, err := to.policy(&c.SubPolicies[i])
		if err != nil {
			return nil, fmt.Errorf("composite_sub_policy[%d]: %w", i, err)
		}
		list[i] = allocated{when: when, within: to.limiter(costSpans, rates[i], rates[i])}
	}
	return list, nil
}

// composite holds where the first of its conditions that holds is within its allocation.
type composite []allocated

type allocated struct {
	when   condition
	within *limiter
}

func (c composite) eval(f facts) outcome {
	hashed := false // a part that was asked samples: the answer for another randomness may be another part's
	for i := range c {
		o := c[i].when.eval(f)
		hashed = hashed || o.hashed || o.aside || o.threshold > 0 && o.threshold < never
		if o.threshold > f.randomness {
			if f.asked == asLate && c[i].matches(f) {
				break // it decides, and does not bring the trace back
			}
			if f.asked == asSurveyed && o.threshold < never {
				c[i].within.eval(f) // with another randomness it would decide: what is noted must not hang on anybody's
			}
			continue
		}
		if f.asked == asLate && f.heldBefore(c[i].when) {
			break // its limit was against the trace, and a further span is no further draw
		}
		w := c[i].within.eval(f)
		return outcome{threshold: max(o.threshold, w.threshold), hashed: hashed && i < len(c)-1 || o.hashed, aside: o.aside}
	}
	return outcome{threshold: never, hashed: hashed}
}

// matches reports whether the part is the one that decides, however it answers where a span came late.
func (a allocated) matches(f facts) bool {
	f.asked = asIs
	return a.when.eval(f).threshold <= f.randomness
}
