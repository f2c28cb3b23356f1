package sampling

import (
	"fmt"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// BooleanAttributeConfig is the `boolean_attribute:` block: the policy matches a trace with a span or resource whose
// attribute has this value. As in contrib, an attribute that is not a boolean counts as false.
type BooleanAttributeConfig struct {
	// Key is the attribute's.
	Key string `mapstructure:"key"`
	// Value is the value that matches. Default false.
	Value bool `mapstructure:"value"`
	// InvertMatch: match the traces in which no attribute has the value, or none is there.
	InvertMatch bool `mapstructure:"invert_match"`
}

func (b *BooleanAttributeConfig) validate(path string, errs *problems) {
	validateKey(b.Key, path, errs)
}

func (b *BooleanAttributeConfig) compile(c *compiler) (condition, error) {
	test := boolIs(b.Value)
	bit, err := c.attribute(b.Key, fmt.Sprintf("bool %t", b.Value), test, test)
	return c.bitCondition(bit, b.InvertMatch), err
}

type boolIs bool

func (t boolIs) matches(v *spanview.Value, _ *Scratch) bool { return v.Bool() == bool(t) }
