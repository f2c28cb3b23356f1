package sampling

// DropConfig is the `drop:` block: a trace that all sub-policies match is dropped, whatever other policies say.
type DropConfig struct {
	// SubPolicies are at least one, of any type but composite, drop.
	SubPolicies []PolicyConfig `mapstructure:"drop_sub_policy"`
}

func (d *DropConfig) validate(path string, errs *problems) {
	validateSubPolicies(d.SubPolicies, path+".drop_sub_policy", errs)
}

func (d *DropConfig) compile(c *compiler) (condition, error) {
	return c.all(d.SubPolicies, "drop.drop_sub_policy")
}
