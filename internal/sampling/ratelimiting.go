package sampling

// RateLimitingConfig is the `rate_limiting:` block: the policy matches as many traces as a number of spans a second allows.
type RateLimitingConfig struct {
	// SpansPerSecond is how many spans of matching traces there are a second, in the long run. 0: none.
	SpansPerSecond int64 `mapstructure:"spans_per_second"`
	// BurstCapacity is how many spans may match at once after a pause; a trace of more spans never matches. Default 0, which
	// stands for twice SpansPerSecond.
	BurstCapacity int64 `mapstructure:"burst_capacity"`
}

func (r *RateLimitingConfig) validate(path string, errs *problems) {
	validateRate(r.SpansPerSecond, path+".spans_per_second", errs)
	validateBurst(r.BurstCapacity, path, errs)
}

func (r *RateLimitingConfig) compile(c *compiler) (condition, error) {
	return c.limiter(costSpans, r.SpansPerSecond, burstOf(r.BurstCapacity, r.SpansPerSecond)), nil
}

func validateRate(rate int64, path string, errs *problems) {
	if rate < 0 || rate > rateLimit {
		errs.addf(path, "must be between 0 and %d (got %d): 0 matches nothing", int64(rateLimit), rate)
	}
}

func validateBurst(burst int64, path string, errs *problems) {
	if burst < 0 || burst > rateLimit {
		errs.addf(path+".burst_capacity", "must be between 0 and %d (got %d): 0 stands for twice the rate", int64(rateLimit), burst)
	}
}

// rateLimit keeps sums of rates countable.
const rateLimit = 1 << 50

func burstOf(configured, rate int64) int64 {
	if configured > 0 {
		return configured
	}
	return 2 * rate
}
