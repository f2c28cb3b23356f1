package sampling

import (
	"fmt"
	"math"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// NumericAttributeConfig is the `numeric_attribute:` block: the policy matches a trace with a span or resource whose
// attribute lies between two integers, both included. As in contrib, an attribute that is not an integer counts as 0.
type NumericAttributeConfig struct {
	// Key is the attribute's.
	Key string `mapstructure:"key"`
	// MinValue is the least value that matches. 0: no lower bound.
	MinValue int64 `mapstructure:"min_value"`
	// MaxValue is the greatest value that matches. 0: no upper bound. At least one bound must be set.
	MaxValue int64 `mapstructure:"max_value"`
	// InvertMatch: match the traces in which no attribute lies between the bounds, or none is there.
	InvertMatch bool `mapstructure:"invert_match"`
}

func (n *NumericAttributeConfig) validate(path string, errs *problems) {
	validateKey(n.Key, path, errs)
	if n.MinValue == 0 && n.MaxValue == 0 {
		errs.addf(path, "must set min_value or max_value (got 0 and 0): 0 stands for no bound")
	}
	if n.MinValue != 0 && n.MaxValue != 0 && n.MinValue > n.MaxValue {
		errs.addf(path+".min_value", "must be at most max_value, %d (got %d)", n.MaxValue, n.MinValue)
	}
}

func (n *NumericAttributeConfig) compile(c *compiler) (condition, error) {
	test := intBetween{min: math.MinInt64, max: math.MaxInt64}
	if n.MinValue != 0 {
		test.min = n.MinValue
	}
	if n.MaxValue != 0 {
		test.max = n.MaxValue
	}
	bit, err := c.attribute(n.Key, fmt.Sprintf("int %d to %d", test.min, test.max), test, test)
	return c.bitCondition(bit, n.InvertMatch), err
}

type intBetween struct{ min, max int64 }

func (t intBetween) matches(v *spanview.Value, _ *Scratch) bool {
	n := v.Int()
	return n >= t.min && n <= t.max
}
