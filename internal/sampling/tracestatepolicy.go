package sampling

import (
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/trace"
)

// TraceStateConfig is the `trace_state:` block: the policy matches a trace with a span whose tracestate has, under a vendor's
// key, one of some values. A tracestate that is not valid W3C has none.
type TraceStateConfig struct {
	// Key is the vendor's.
	Key string `mapstructure:"key"`
	// Values are at least one. As in contrib, one that is empty, or longer than 255 characters with its key, matches nothing.
	Values []string `mapstructure:"values"`
}

// traceStateEntryMax is how long key and value are together at most, in contrib.
const traceStateEntryMax = 255

func (t *TraceStateConfig) validate(path string, errs *problems) {
	if t.Key == "" {
		errs.addf(path+".key", "must not be empty (got %q): it names the tracestate's entry", t.Key)
	}
	if len(t.Values) == 0 {
		errs.addf(path+".values", "must list at least one value (got none)")
	}
}

func (t *TraceStateConfig) compile(c *compiler) (condition, error) {
	values := slices.Compact(slices.Sorted(slices.Values(t.Values)))
	bit, fresh, err := c.bit(fmt.Sprintf("tracestate %q %q", t.Key, values))
	if err != nil {
		return nil, err
	}
	if fresh {
		test := stateTest{key: t.Key, bit: bit, values: make(map[string]struct{}, len(values))}
		for _, v := range values {
			if v != "" && len(t.Key)+len(v) <= traceStateEntryMax {
				test.values[v] = struct{}{}
			}
		}
		c.policies.stateTests = append(c.policies.stateTests, test)
	}
	return anyBit(bit), nil
}

// stateTest sets a bit where the tracestate's entry of a key has one of the values.
type stateTest struct {
	key    string
	values map[string]struct{}
	bit    uint64
}

// testTraceState returns the bits of the tests that a tracestate passes.
func testTraceState(tests []stateTest, state string) uint64 {
	parsed, err := trace.ParseTraceState(state)
	if err != nil {
		return 0
	}
	var set uint64
	for i := range tests {
		if _, in := tests[i].values[parsed.Get(tests[i].key)]; in {
			set |= tests[i].bit
		}
	}
	return set
}
