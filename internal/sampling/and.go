package sampling

// AndConfig is the `and:` block: the policy matches a trace that all sub-policies match, each by spans of its own. Those that
// limit a rate are asked last, about traces that the others match.
type AndConfig struct {
	// SubPolicies are at least one, of any type but composite, drop.
	SubPolicies []PolicyConfig `mapstructure:"and_sub_policy"`
}

func (a *AndConfig) validate(path string, errs *problems) {
	validateSubPolicies(a.SubPolicies, path+".and_sub_policy", errs)
}

func (a *AndConfig) compile(c *compiler) (condition, error) {
	return c.all(a.SubPolicies, "and.and_sub_policy")
}

// all holds where every one of its conditions holds. Those that note what they are asked about come last.
type all struct {
	of []condition
	// plain is how many of them note nothing.
	plain int
}

func (a all) eval(f facts) outcome {
	out := outcome{settled: true}
	for i, c := range a.of {
		switch {
		case i < a.plain || out.threshold <= f.randomness:
		case f.asked == asSurveyed && out.threshold < never:
			// it would pass with another randomness: what is noted must not hang on anybody's
		default:
			f.asked = asIs // the others refuse the trace: it is not to be noted
		}
		o := c.eval(f)
		if o.threshold == never && !o.hashed {
			return failsNow // whatever a hash said of the others
		}
		out.threshold = max(out.threshold, o.threshold)
		out.hashed = out.hashed || o.hashed
		out.aside = out.aside || o.aside
		out.settled = out.settled && o.settled
	}
	return out
}

// rounder is a condition that looks at all traces of a round.
type rounder interface{ settle(now int64) }

// notes reports whether a condition notes what it is asked about.
func notes(c condition) bool {
	switch c := c.(type) {
	case rounder:
		return true
	case negation:
		return notes(c.of)
	}
	return false
}
