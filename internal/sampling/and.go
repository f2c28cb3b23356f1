package sampling

// AndConfig is the `and:` block: the policy matches a trace that all sub-policies match, each by spans of its own.
type AndConfig struct {
	// SubPolicies are at least one, of any type but and, drop.
	SubPolicies []PolicyConfig `mapstructure:"and_sub_policy"`
}

func (a *AndConfig) validate(path string, errs *problems) {
	validateSubPolicies(a.SubPolicies, path+".and_sub_policy", errs)
}

func (a *AndConfig) compile(c *compiler) (condition, error) {
	return c.all(a.SubPolicies, "and_sub_policy")
}

// all holds where every one of its conditions holds.
type all []condition

func (a all) eval(f facts) outcome {
	out := outcome{settled: true}
	for _, c := range a {
		o := c.eval(f)
		if o.threshold == never && !o.hashed {
			return failsNow // whatever a hash said of the others
		}
		out.threshold = max(out.threshold, o.threshold)
		out.hashed = out.hashed || o.hashed
		out.settled = out.settled && o.settled
	}
	return out
}
