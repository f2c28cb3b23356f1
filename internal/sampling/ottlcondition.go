package sampling

import (
	"fmt"
	"slices"
	"strings"
)

// OTTLConditionConfig is the `ottl_condition:` block: the policy matches a trace with a span for which any of the
// conditions holds, or with a span event for which any holds.
type OTTLConditionConfig struct {
	// ErrorMode says what a condition that fails on a span means. propagate: the policy failed, which keeps the trace
	// and is counted. ignore: the condition does not hold, and a warning is logged. silent: it does not hold. Default
	// empty, which is silent, as in contrib.
	ErrorMode string `mapstructure:"error_mode"`
	// Span are conditions on spans, SpanEvent on span events; at least one of both.
	Span      []string `mapstructure:"span"`
	SpanEvent []string `mapstructure:"spanevent"`
}

const errorModePropagate = "propagate"

// mode is the error mode as it is compared: contrib's reader does not mind the case.
func (o *OTTLConditionConfig) mode() string {
	if o.ErrorMode == "" {
		return "silent"
	}
	return strings.ToLower(o.ErrorMode)
}

func (o *OTTLConditionConfig) validate(path string, errs *problems) {
	if !slices.Contains([]string{"ignore", "silent", errorModePropagate}, o.mode()) {
		errs.addf(path+".error_mode", "must be ignore, silent or propagate (got %q)", o.ErrorMode)
	}
	if len(o.Span) == 0 && len(o.SpanEvent) == 0 {
		errs.addf(path, "must list at least one condition in span or spanevent (got none)")
	}
}

// compile notes what is wrong with the conditions themselves among the compiler's problems, so that all is told at once.
func (o *OTTLConditionConfig) compile(c *compiler) (condition, error) {
	says := fmt.Sprintf("ottl %q %q %s", o.Span, o.SpanEvent, o.mode())
	at := slices.IndexFunc(c.policies.conditions, func(s spanConditions) bool { return s.says == says })
	if at < 0 {
		test, err := c.conditions(o)
		if err != nil {
			c.problems.list = append(c.problems.list, err)
			return anyBit(0), nil
		}
		s := spanConditions{says: says, test: test}
		if s.matched, _, err = c.bit(says); err != nil {
			return nil, err
		}
		if o.mode() == errorModePropagate {
			if s.failed, _, err = c.bit(says + " failed"); err != nil {
				return nil, err
			}
		}
		at = len(c.policies.conditions)
		c.policies.conditions = append(c.policies.conditions, s)
	}
	s := &c.policies.conditions[at]
	if c.into == c.policies && !slices.Contains(s.policies, c.index) { // failures are counted for policies that decide
		s.policies = append(s.policies, c.index)
	}
	if c.against && s.failed != 0 {
		return bitWithout{bit: s.matched, without: s.failed}, nil
	}
	return anyBit(s.matched | s.failed), nil
}

func (c *compiler) conditions(o *OTTLConditionConfig) (SpanConditions, error) {
	path := c.path + ".ottl_condition"
	if c.options.Conditions == nil {
		return nil, fmt.Errorf("%s can't be used here: nothing reads OTTL", path)
	}
	return c.options.Conditions(path, o.Span, o.SpanEvent, o.mode())
}

// bitWithout holds where some span satisfied one predicate and none the other. Where a policy speaks against a trace, a
// failure must not.
type bitWithout struct{ bit, without uint64 }

func (b bitWithout) eval(f facts) outcome {
	if f.bits&b.bit != 0 && f.bits&b.without == 0 {
		return holds
	}
	return failsNow
}
