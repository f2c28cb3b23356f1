package sampling

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// predicatesMax is the width of spanview.Span.Bits.
const predicatesMax = 64

// statuses is how many OTLP status codes policies can name.
const statuses = 3

// Options are what policies need of others.
type Options struct {
	// Conditions reads the conditions of ottl_condition policies. Nil: such policies are refused.
	Conditions CompileConditions
	// Previous are the policies that these take the place of: what they know of operations and fingerprints is taken over, and they
	// must not be compiled from again. Nil: there are none.
	Previous *Policies
	// Now is the time of the rounds' clock, in milliseconds. 0: it has not begun.
	Now int64
}

// compiler builds a Policies: it hands out slots and bits, and gives equal predicates the same bit.
type compiler struct {
	options  Options
	schema   *spanview.Schema
	policies *Policies
	// into is the set of policies that is being compiled: policies, or its shadow.
	into *Policies
	// bits maps what a predicate says to its bit.
	bits map[string]uint64

	// index and path are of the policy that is being compiled; of a sub-policy, path is its own and index that of the
	// policy it is a part of.
	index int
	path  string
	// name has name and type of the policy that index is of.
	name string
	// against: what holds speaks against keeping the trace.
	against bool
	// problems are mistakes that only compiling finds.
	problems problems
}

// Compile turns a configuration into policies and asks the schema for the attributes they need. It fails on an invalid
// configuration and where the policies need more than 64 different predicates or spanview.MaxSlots keys.
func Compile(cfg Config, o Options, s *spanview.Schema) (*Policies, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := compiler{options: o, schema: s, policies: &Policies{}, bits: make(map[string]uint64)}
	list := cfg.Policies
	if len(list) == 0 {
		list = DefaultPolicies()
	}
	if err := c.set("policies", list, c.policies, cfg.SampleOnFirstMatch); err != nil {
		return nil, err
	}
	if len(cfg.ShadowPolicies) > 0 {
		c.policies.shadow = &Policies{}
		if err := c.set("shadow_policies", cfg.ShadowPolicies, c.policies.shadow, cfg.SampleOnFirstMatch); err != nil {
			return nil, err
		}
	}
	if err := c.problems.join(); err != nil {
		return nil, err
	}
	c.rememberSLOs()
	c.policies.predicates = c.bits
	c.policies.origin.open(cfg.OperationsMax, o) // last, for it changes what the previous ones share
	return c.policies, nil
}

// set compiles a list of policies; into gets what deciding needs of them. What matching needs is the compiler's Policies'.
func (c *compiler) set(key string, list []PolicyConfig, into *Policies, firstMatch bool) error {
	c.into = into
	into.firstMatch = firstMatch
	into.evaluationErrors = make([]atomic.Uint64, len(list))
	into.counts = make([]policyCount, len(list))
	for i := range list {
		c.index, c.path, c.against = i, fmt.Sprintf("%s[%d]", key, i), list[i].Type == "drop"
		c.name = fmt.Sprintf("%q %s", list[i].Name, list[i].Type)
		when, err := c.policy(&list[i])
		if err != nil {
			return fmt.Errorf("cannot compile %s %q: %w", c.path, list[i].Name, err)
		}
		into.names = append(into.names, list[i].Name)
		p := policy{index: i, when: when, rescues: list[i].rescues()}
		if c.against {
			into.drops = append(into.drops, p)
		} else {
			into.keeps = append(into.keeps, p)
		}
	}
	return nil
}

func (c *compiler) policy(p *PolicyConfig) (condition, error) {
	return lookup(p.Type).block(p).compile(c)
}

// all compiles a list of sub-policies into the condition that all of them hold; key is the list's. Lists in lists are one.
func (c *compiler) all(subs []PolicyConfig, key string) (condition, error) {
	var out all
	parent := c.path
	defer func() { c.path = parent }()
	for i := range subs {
		c.path = fmt.Sprintf("%s.%s[%d]", parent, key, i)
		sub, err := c.policy(&subs[i])
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", key, i, err)
		}
		if list, nested := sub.(all); nested {
			out.of = append(out.of, list.of...)
		} else {
			out.of = append(out.of, sub)
		}
	}
	slices.SortStableFunc(out.of, func(a, b condition) int { return cmp.Compare(place(a), place(b)) })
	for out.plain < len(out.of) && !notes(out.of[out.plain]) {
		out.plain++
	}
	return out, nil
}

// place puts conditions that note what they are asked about behind the others.
func place(c condition) int {
	if notes(c) {
		return 1
	}
	return 0
}

// bit returns the bit of a predicate; fresh tells that nobody asked for this predicate before.
func (c *compiler) bit(predicate string) (bit uint64, fresh bool, err error) {
	if bit, known := c.bits[predicate]; known {
		return bit, false, nil
	}
	if len(c.bits) == predicatesMax {
		return 0, false, fmt.Errorf("at most %d different conditions on spans can be configured: merge values into one list, or remove policies", predicatesMax)
	}
	bit = 1 << len(c.bits)
	c.bits[predicate] = bit
	return bit, true, nil
}

// attribute returns the bit that is set for a span whose attribute, or whose resource's attribute, passes the test.
// says tells tests of one key apart.
func (c *compiler) attribute(key, says string, span, resource valueTest) (uint64, error) {
	bit, fresh, err := c.attributeBit(key, says)
	if err != nil || !fresh {
		return bit, err
	}
	return bit, c.testAttribute(key, bit, span, resource)
}

// attributeBit returns the bit of a test of an attribute; fresh: testAttribute has to follow.
func (c *compiler) attributeBit(key, says string) (bit uint64, fresh bool, err error) {
	return c.bit(fmt.Sprintf("attribute %q %s", key, says))
}

func (c *compiler) testAttribute(key string, bit uint64, span, resource valueTest) error {
	spanSlot, err := c.schema.SpanSlot(key)
	if err != nil {
		return err
	}
	resourceSlot, err := c.schema.ResourceSlot(key)
	if err != nil {
		return err
	}
	p := c.policies
	p.spanTests = append(p.spanTests, attributeTest{slot: int(spanSlot), bit: bit, test: span})
	p.resourceTests = append(p.resourceTests, attributeTest{slot: int(resourceSlot), bit: bit, test: resource})
	return nil
}

// regexCache returns the number of a new cache of that size.
func (c *compiler) regexCache(size int) int {
	c.policies.cacheSizes = append(c.policies.cacheSizes, size)
	return len(c.policies.cacheSizes) - 1
}

func validateKey(key, path string, errs *problems) {
	if key == "" {
		errs.addf(path+".key", "must not be empty (got %q): it names the attribute", key)
	}
}
