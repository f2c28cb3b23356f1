package sampling

// NotConfig is the `not:` block: the policy matches a trace that its sub-policy does not match.
type NotConfig struct {
	// SubPolicy is of any type but drop, composite.
	SubPolicy *PolicyConfig `mapstructure:"not_sub_policy"`
}

func (n *NotConfig) validate(path string, errs *problems) {
	if n.SubPolicy == nil {
		errs.addf(path+".not_sub_policy", "must be there (got none): it is what is turned around")
		return
	}
	n.SubPolicy.validateSub(path+".not_sub_policy", errs)
}

func (n *NotConfig) compile(c *compiler) (condition, error) {
	path := c.path
	c.path, c.against = path+".not.not_sub_policy", !c.against
	of, err := c.policy(n.SubPolicy)
	c.path, c.against = path, !c.against
	return negation{of: of, untold: untold{c.against}}, err
}

// negation holds where its condition does not. Of one that samples, which traces it holds for is known, but no threshold tells it:
// they are those of low randomness.
type negation struct {
	of condition
	untold
}

func (n negation) eval(f facts) outcome {
	if n.by(&f) {
		return n.answer()
	}
	o := n.of.eval(f)
	samples := o.hashed || o.aside || o.threshold > 0 && o.threshold < never
	if o.threshold <= f.randomness {
		return outcome{threshold: never, hashed: samples}
	}
	return outcome{threshold: 0, hashed: samples}
}
