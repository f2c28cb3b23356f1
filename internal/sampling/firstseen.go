package sampling

import (
	"fmt"
	"slices"
	"time"
)

// FirstSeenConfig is the `first_seen:` block: the policy matches the first traces of what was not there before.
type FirstSeenConfig struct {
	// Traces is how many of the first traces match, up to 100. 0, the default, stands for 3.
	Traces int `mapstructure:"traces"`
	// Of is what may be new: operation (a service's span name and kind), service.version (of a service). Default both.
	Of []string `mapstructure:"of"`
	// WarmUp is how long after the start whatever is seen counts as known. Default 0s: everything is new at first.
	WarmUp time.Duration `mapstructure:"warm_up"`
}

const (
	ofOperation = "operation"
	ofVersion   = "service.version"

	firstTracesLimit = 100
)

func (f *FirstSeenConfig) validate(path string, errs *problems) {
	if f.Traces < 0 || f.Traces > firstTracesLimit {
		errs.addf(path+".traces", "must be between 0 and %d (got %d): 0 stands for 3", firstTracesLimit, f.Traces)
	}
	for i, of := range f.Of {
		if of != ofOperation && of != ofVersion {
			errs.addf(fmt.Sprintf("%s.of[%d]", path, i), "must be %s or %s (got %q)", ofOperation, ofVersion, of)
		}
	}
	if f.WarmUp < 0 {
		errs.addf(path+".warm_up", "must be at least 0s (got %s): 0s takes everything for new at first", f.WarmUp)
	}
}

func (f *FirstSeenConfig) compile(c *compiler) (condition, error) {
	of := func(what string) bool { return len(f.Of) == 0 || slices.Contains(f.Of, what) }
	test := firstTest{traces: orDefault(f.Traces, 3), warmUp: f.WarmUp.Milliseconds()}
	bit, fresh, err := c.bit(fmt.Sprintf("first seen %+v %t %t", test, of(ofOperation), of(ofVersion)))
	if err != nil {
		return nil, err
	}
	test.bit = bit
	if fresh && of(ofOperation) {
		c.policies.origin.firstOfOperation = append(c.policies.origin.firstOfOperation, test)
	}
	if fresh && of(ofVersion) {
		c.policies.origin.firstOfVersion = append(c.policies.origin.firstOfVersion, test)
	}
	return anyBitAside(bit), c.bindOrigin()
}

// firstTest sets a bit for the first traces of what is new.
type firstTest struct {
	traces int
	warmUp int64 // milliseconds
	bit    uint64
}

// firstBits returns the bits of the tests that a trace passes that is at a place among the first, -1 for none, of what came
// when the table was of an age.
func firstBits(tests []firstTest, place int, age int64) uint64 {
	var set uint64
	for i := range tests {
		if t := &tests[i]; place >= 0 && place < t.traces && age >= t.warmUp {
			set |= t.bit
		}
	}
	return set
}

// anyBitAside is anyBit of a predicate that depends on which traces came before.
type anyBitAside uint64

func (b anyBitAside) eval(f facts) outcome {
	o := anyBit(b).eval(f)
	o.aside = true
	return o
}
