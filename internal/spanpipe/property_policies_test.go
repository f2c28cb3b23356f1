package spanpipe

import (
	"encoding/json"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"

	otelsampling "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

// rule is a random policy, and beside it what it says, written down a second time as plainly as can be.
type rule struct {
	config sampling.PolicyConfig
	// holds says whether it matches a trace of some randomness. Nil: it looks at other traces too.
	holds func(t anyTrace, r uint64) bool
	// edges are randomness from which on it may answer otherwise than below; opaque: not by randomness alone.
	edges  []uint64
	opaque bool
	counts bool // repetition matters
}

// leaf is a rule that holds where it does for some span.
func leaf(config sampling.PolicyConfig, of func(s *anySpan) bool) rule {
	return rule{config: config, holds: func(t anyTrace, _ uint64) bool {
		for i := range t.spans {
			if of(&t.spans[i]) {
				return true
			}
		}
		return false
	}}
}

func one[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// randomAggregate is a policy of a type that asks a trace as a whole.
func randomAggregate(rng *rand.Rand) rule {
	switch rng.IntN(6) {
	case 0:
		return rule{config: sampling.PolicyConfig{Type: "always_sample"}, holds: func(anyTrace, uint64) bool { return true }}
	case 1, 2:
		c := &sampling.LatencyConfig{ThresholdMs: int64(rng.IntN(40))}
		if rng.IntN(2) == 0 {
			c.UpperThresholdMs = c.ThresholdMs + 1 + int64(rng.IntN(20))
		}
		return rule{config: sampling.PolicyConfig{Type: "latency", Latency: c}, holds: func(t anyTrace, _ uint64) bool {
			first, last := uint64(math.MaxUint64), uint64(0)
			for _, s := range t.spans {
				first, last = min(first, s.start), max(last, s.end)
			}
			ms := (int64(last) - int64(first)) / 1e6
			return ms > c.ThresholdMs && (c.UpperThresholdMs == 0 || ms <= c.UpperThresholdMs)
		}}
	case 3:
		c := &sampling.ProbabilisticConfig{SamplingPercentage: one(rng, 10., 50, 90), HashSalt: "salt"}
		return rule{config: sampling.PolicyConfig{Type: "probabilistic", Probabilistic: c}, opaque: true, holds: func(t anyTrace, _ uint64) bool {
			h := fnv.New64a()
			h.Write([]byte(c.HashSalt))
			h.Write(t.id[:])
			return float64(h.Sum64()) <= c.SamplingPercentage/100*(1<<64)
		}}
	}
	c := &sampling.ProbabilisticConfig{SamplingPercentage: one(rng, 1., 10, 50, 90)}
	th, err := otelsampling.ProbabilityToThreshold(c.SamplingPercentage / 100)
	if err != nil {
		panic(err)
	}
	return rule{
		config: sampling.PolicyConfig{Type: "probabilistic", Probabilistic: c}, edges: []uint64{th.Unsigned()},
		holds: func(_ anyTrace, r uint64) bool { return r >= th.Unsigned() },
	}
}

// randomLimit is a policy of a type that counts spans, or what traces cost together.
func randomLimit(rng *rand.Rand) rule {
	r := rule{counts: true, opaque: true}
	rate := int64(5 + rng.IntN(300))
	switch rng.IntN(6) {
	case 0:
		c := &sampling.SpanCountConfig{MinSpans: int64(rng.IntN(6))}
		if rng.IntN(2) == 0 {
			c.MaxSpans = c.MinSpans + int64(rng.IntN(3))
		}
		r.config = sampling.PolicyConfig{Type: "span_count", SpanCount: c}
		r.holds = func(t anyTrace, _ uint64) bool {
			n := int64(len(t.spans))
			return n >= c.MinSpans && (c.MaxSpans == 0 || n <= c.MaxSpans)
		}
		r.opaque = false
	case 1:
		r.config = sampling.PolicyConfig{Type: "rate_limiting", RateLimiting: &sampling.RateLimitingConfig{SpansPerSecond: rate}}
	case 2:
		r.config = sampling.PolicyConfig{Type: "bytes_limiting", BytesLimiting: &sampling.BytesLimitingConfig{BytesPerSecond: 100 * rate}}
	case 3:
		r.config = sampling.PolicyConfig{Type: "composite", Composite: &sampling.CompositeConfig{
			MaxTotalSpansPerSecond: rate, SubPolicies: []sampling.PolicyConfig{randomPredicate(rng).config, randomAggregate(rng).config},
		}}
	default:
		c := &sampling.AdaptiveThroughputConfig{SpansPerSecond: rate, MinTracesPerMinute: new(int64)}
		if rng.IntN(2) == 0 {
			c.Key = "error_signature"
		}
		r.config = sampling.PolicyConfig{Type: "adaptive_throughput", AdaptiveThroughput: c}
	}
	return r
}

// randomComparison is a policy of a type whose choice hangs on which trace came first.
func randomComparison(rng *rand.Rand) rule {
	r := rule{counts: true, opaque: true}
	switch rng.IntN(4) {
	case 0:
		r.config = sampling.PolicyConfig{Type: "first_seen", FirstSeen: &sampling.FirstSeenConfig{Traces: 1 + rng.IntN(3)}}
	case 1:
		r.config = sampling.PolicyConfig{Type: "rare", Rare: &sampling.RareConfig{Traces: 1 + rng.IntN(3)}}
	case 2:
		r.config = sampling.PolicyConfig{Type: "relative_latency", RelativeLatency: &sampling.RelativeLatencyConfig{MinCount: 1}}
	default:
		r.config = sampling.PolicyConfig{Type: "adaptive_throughput", AdaptiveThroughput: &sampling.AdaptiveThroughputConfig{
			SpansPerSecond: int64(1 + rng.IntN(100)),
		}}
	}
	return r
}

// choice is which policies there are beside those that ask a trace alone.
type choice struct{ limits, comparisons bool }

// randomRule is a policy of any type that the choice allows.
func randomRule(rng *rand.Rand, of choice) rule {
	simple := func() rule {
		switch {
		case of.limits && rng.IntN(3) == 0:
			return randomLimit(rng)
		case of.comparisons && rng.IntN(3) == 0:
			return randomComparison(rng)
		case rng.IntN(3) == 0:
			return randomAggregate(rng)
		}
		return randomPredicate(rng)
	}
	r := simple()
	for r.config.Type == "composite" { // stands on its own
		if rng.IntN(2) == 0 {
			return r
		}
		r = simple()
	}
	switch rng.IntN(5) {
	case 0, 1:
		return joined(rng, one(rng, "and", "and", "drop"), r, simple)
	case 2:
		of := r
		r.config = sampling.PolicyConfig{Type: "not", Not: &sampling.NotConfig{SubPolicy: &of.config}}
		r.opaque = r.opaque || len(r.edges) > 0
		if of.holds != nil {
			r.holds = func(t anyTrace, x uint64) bool { return !of.holds(t, x) }
		}
	}
	return r
}

// joined is an and, or a drop, of two policies.
func joined(rng *rand.Rand, kind string, r rule, simple func() rule) rule {
	other := simple()
	for other.config.Type == "composite" {
		other = simple()
	}
	parts := []rule{r, other}
	rng.Shuffle(2, func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	configs := []sampling.PolicyConfig{parts[0].config, parts[1].config}
	out := rule{
		edges: append(slices.Clone(r.edges), other.edges...), opaque: r.opaque || other.opaque, counts: r.counts || other.counts,
		config: sampling.PolicyConfig{Type: kind},
	}
	if kind == "and" {
		out.config.And = &sampling.AndConfig{SubPolicies: configs}
	} else {
		out.config.Drop = &sampling.DropConfig{SubPolicies: configs}
		out.opaque = out.opaque || len(out.edges) > 0
	}
	if r.holds != nil && other.holds != nil {
		out.holds = func(t anyTrace, x uint64) bool { return r.holds(t, x) && other.holds(t, x) }
	}
	return out
}

// ruleSet is a random configuration.
type ruleSet []rule

func randomRules(rng *rand.Rand, of choice) ruleSet {
	var set ruleSet
	for i := range 1 + rng.IntN(4) {
		r := randomRule(rng, of)
		r.config.Name = string(rune('a' + i))
		set = append(set, r)
	}
	return set
}

func (s ruleSet) configs() (list []sampling.PolicyConfig) {
	for _, r := range s {
		list = append(list, r.config)
	}
	return list
}

// String shows the policies without what is not set.
func (s ruleSet) String() string {
	b, err := json.MarshalIndent(s.configs(), "", " ")
	if err != nil {
		return err.Error()
	}
	return regexp.MustCompile(`(?m)^.*: (null|""|false),?\n`).ReplaceAllString(string(b), "")
}

func (s ruleSet) any(is func(r rule) bool) bool { return slices.ContainsFunc(s, is) }

// keeps says whether a trace of some randomness is kept.
func (s ruleSet) keeps(t anyTrace, x uint64) bool {
	keep := false
	for _, r := range s {
		if r.holds(t, x) {
			if r.config.Type == "drop" {
				return false
			}
			keep = true
		}
	}
	return keep
}

// threshold returns the least randomness with which the trace is kept.
func (s ruleSet) threshold(t anyTrace) uint64 {
	least := uint64(math.MaxUint64)
	edges := []uint64{0}
	for _, r := range s {
		edges = append(edges, r.edges...)
	}
	for _, x := range edges {
		if s.keeps(t, x) {
			least = min(least, x)
		}
	}
	return least
}
