package sampling

// BytesLimitingConfig is the `bytes_limiting:` block: the policy matches as many traces as a number of bytes a second allows.
// The bytes of a trace are those of its spans as they came, without resources and scopes.
type BytesLimitingConfig struct {
	// BytesPerSecond is how many bytes of matching traces there are a second, in the long run. 0: none.
	BytesPerSecond int64 `mapstructure:"bytes_per_second"`
	// BurstCapacity is how many bytes may match at once after a pause; a larger trace never matches. Default 0, which stands
	// for twice BytesPerSecond.
	BurstCapacity int64 `mapstructure:"burst_capacity"`
}

func (b *BytesLimitingConfig) validate(path string, errs *problems) {
	validateRate(b.BytesPerSecond, path+".bytes_per_second", errs)
	validateBurst(b.BurstCapacity, path, errs)
}

func (b *BytesLimitingConfig) compile(c *compiler) (condition, error) {
	return c.limiter(costBytes, b.BytesPerSecond, burstOf(b.BurstCapacity, b.BytesPerSecond)), nil
}
