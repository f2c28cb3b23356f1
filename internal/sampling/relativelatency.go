package sampling

import (
	"fmt"

	"github.com/otelcol-slo/otelcol-slo/internal/operations"
)

// RelativeLatencyConfig is the `relative_latency:` block: the policy matches a trace with a span that took longer than is usual for
// its operation: longer than Factor times a quantile of the operation's durations, and at least FloorMs. How much a duration weighs is
// halved each minute.
type RelativeLatencyConfig struct {
	// Quantile is the share of the operation's spans that are faster, above 0 and below 1. 0, the default, stands for 0.99.
	Quantile float64 `mapstructure:"quantile"`
	// Factor is how many times the quantile is slow. 0, the default, stands for 1.
	Factor float64 `mapstructure:"factor"`
	// FloorMs is how long a slow span takes at least, in milliseconds. Default 50. 0: no floor.
	FloorMs *int64 `mapstructure:"floor_ms"`
	// MinCount is what the operation's spans must weigh together, or none of them is slow: 100 is 70 spans a minute for some minutes.
	// 0, the default, stands for 100.
	MinCount int64 `mapstructure:"min_count"`
}

const (
	floorMsDefault = 50
	floorMsLimit   = 1 << 40
	minCountLimit  = 1 << 20 // below what the histograms hold
	factorLimit    = 1e6
)

func (r *RelativeLatencyConfig) validate(path string, errs *problems) {
	if !(r.Quantile >= 0 && r.Quantile < 1) {
		errs.addf(path+".quantile", "must be above 0 and below 1 (got %v): leave it out for 0.99", r.Quantile)
	}
	if !(r.Factor >= 0 && r.Factor <= factorLimit) {
		errs.addf(path+".factor", "must be above 0 and at most %d (got %v): leave it out for 1", int(factorLimit), r.Factor)
	}
	if f := r.FloorMs; f != nil && (*f < 0 || *f > floorMsLimit) {
		errs.addf(path+".floor_ms", "must be between 0 and %d (got %d): 0 is for no floor", int64(floorMsLimit), *f)
	}
	if r.MinCount < 0 || r.MinCount > minCountLimit {
		errs.addf(path+".min_count", "must be between 0 and %d (got %d): 0 stands for 100", minCountLimit, r.MinCount)
	}
}

// rule returns the block with its defaults filled in.
func (r *RelativeLatencyConfig) rule() operations.LimitRule {
	floor := int64(floorMsDefault)
	if r.FloorMs != nil {
		floor = *r.FloorMs
	}
	return operations.LimitRule{
		Quantile: orDefault(r.Quantile, 0.99),
		Factor:   orDefault(r.Factor, 1),
		Floor:    uint64(floor) * nanosPerMilli,
		MinCount: float64(orDefault(r.MinCount, 100)),
	}
}

func (r *RelativeLatencyConfig) compile(c *compiler) (condition, error) {
	rule := r.rule()
	bit, fresh, err := c.bit(fmt.Sprintf("relative latency %+v", rule))
	if err != nil {
		return nil, err
	}
	if fresh {
		c.policies.origin.slow = append(c.policies.origin.slow, slowTest{rule: rule, bit: bit})
	}
	return anyBit(bit), c.bindOrigin()
}

// slowTest sets a bit for a span that reaches the limit of its operation.
type slowTest struct {
	rule  operations.LimitRule
	limit *operations.Limit
	bit   uint64
}

// orDefault returns the value, or the default in place of zero.
func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
