package sampling

import (
	"hash/fnv"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// oracleSpan is a span with everything it came with.
type oracleSpan struct {
	start, end         uint64
	status             int32
	attributes         map[string]any
	resourceAttributes map[string]any
	traceState         string
	flags              uint32
	slo                spanview.SLOFlags
}

// oracleTrace keeps all spans and answers every policy from them, the way contrib's text says.
type oracleTrace struct {
	id         [16]byte
	randomness uint64
	// hashPasses overrides what a salted hash says; nil: asks the hash.
	hashPasses *bool
	spans      []oracleSpan
	// late: it is asked as a span came late, which what burns is not rescued by.
	late bool
	// against: what is asked speaks against keeping the trace.
	against bool
}

// decide says whether the trace is kept, and by which policy.
func (t oracleTrace) decide(policies []PolicyConfig) (keep bool, by int) {
	for i := range policies {
		against := t
		against.against = true
		if policies[i].Type == "drop" && against.matchesAll(policies[i].Drop.SubPolicies) {
			return false, i
		}
	}
	for i := range policies {
		if policies[i].Type != "drop" && t.matches(policies[i]) {
			return true, i
		}
	}
	return false, NoPolicy
}

func (t oracleTrace) matches(p PolicyConfig) bool {
	switch p.Type {
	case "always_sample":
		return true
	case "and":
		return t.matchesAll(p.And.SubPolicies)
	case "latency":
		return t.matchesLatency(*p.Latency)
	case "status_code":
		return slices.ContainsFunc(t.spans, func(s oracleSpan) bool {
			names := map[int32]string{0: "UNSET", 1: "OK", 2: "ERROR"}
			name, known := names[s.status]
			return known && slices.Contains(p.StatusCode.StatusCodes, name)
		})
	case "probabilistic":
		return t.matchesShare(*p.Probabilistic)
	case "string_attribute":
		return t.matchesText(*p.StringAttribute)
	case "numeric_attribute":
		return t.matchesNumber(*p.NumericAttribute)
	case "span_count":
		n := int64(len(t.spans))
		return n >= p.SpanCount.MinSpans && (p.SpanCount.MaxSpans == 0 || n <= p.SpanCount.MaxSpans)
	case "slo":
		bad, burning := false, false
		for _, s := range t.spans {
			bad = bad || s.slo == 1 || s.slo == 3
			burning = burning || s.slo >= 2
		}
		share := ProbabilisticConfig{SamplingPercentage: *p.SLO.Burning.SamplingPercentage}
		return bad && *p.SLO.BadEvents || burning && (!t.late || t.against) && t.matchesShare(share)
	case "trace_flags":
		return slices.ContainsFunc(t.spans, func(s oracleSpan) bool { return s.flags&1 == 1 })
	case "trace_state":
		return slices.ContainsFunc(t.spans, func(s oracleSpan) bool {
			for entry := range strings.SplitSeq(s.traceState, ",") {
				if k, v, _ := strings.Cut(entry, "="); k == p.TraceState.Key && v != "" && slices.Contains(p.TraceState.Values, v) {
					return true
				}
			}
			return false
		})
	case "not":
		t.against = !t.against
		return !t.matches(*p.Not.SubPolicy)
	case "boolean_attribute":
		c := *p.BooleanAttribute
		is := func(v any) bool { b, _ := v.(bool); return b == c.Value }
		return t.anyAttribute(c.Key, is, is) != c.InvertMatch
	}
	panic("no oracle for " + p.Type)
}

// dropped reports whether a drop policy matches.
func (t oracleTrace) dropped(policies []PolicyConfig) (dropped bool, by int) {
	for i := range policies {
		if policies[i].Type == "drop" && t.matchesAll(policies[i].Drop.SubPolicies) {
			return true, i
		}
	}
	return false, NoPolicy
}

func (t oracleTrace) matchesAll(list []PolicyConfig) bool {
	for _, p := range list {
		if !t.matches(p) {
			return false
		}
	}
	return true
}

// anyAttribute asks all resources and all spans that have the attribute.
func (t oracleTrace) anyAttribute(key string, resource, span func(any) bool) bool {
	for _, s := range t.spans {
		if v, there := s.resourceAttributes[key]; there && resource(v) {
			return true
		}
		if v, there := s.attributes[key]; there && span(v) {
			return true
		}
	}
	return false
}

func (t oracleTrace) matchesLatency(c LatencyConfig) bool {
	first, last := uint64(math.MaxUint64), uint64(0)
	for _, s := range t.spans {
		first, last = min(first, s.start), max(last, s.end)
	}
	ms := (int64(last) - int64(first)) / 1e6
	return ms > c.ThresholdMs && (c.UpperThresholdMs == 0 || ms <= c.UpperThresholdMs)
}

func (t oracleTrace) matchesShare(c ProbabilisticConfig) bool {
	switch {
	case c.SamplingPercentage >= 100:
		return true
	case c.SamplingPercentage == 0:
		return false
	case c.HashSalt == "":
		th, err := sampling.ProbabilityToThreshold(c.SamplingPercentage / 100)
		if err != nil {
			panic(err)
		}
		return t.randomness >= th.Unsigned()
	case t.hashPasses != nil:
		return *t.hashPasses
	}
	h := fnv.New64a()
	h.Write([]byte(c.HashSalt))
	h.Write(t.id[:])
	bound := new(big.Float).SetInt(new(big.Int).SetUint64(math.MaxUint64))
	limit, _ := bound.Mul(bound, big.NewFloat(c.SamplingPercentage/100)).Uint64()
	return h.Sum64() <= limit
}

func (t oracleTrace) matchesText(c StringAttributeConfig) bool {
	in := func(text string) bool {
		if !c.EnabledRegexMatching {
			return text != "" && slices.Contains(c.Values, text)
		}
		return slices.ContainsFunc(c.Values, func(expr string) bool { return regexp.MustCompile(expr).MatchString(text) })
	}
	resource := func(v any) bool { s, _ := v.(string); return in(s) }
	span := func(v any) bool { s, _ := v.(string); return s != "" && in(s) }
	return t.anyAttribute(c.Key, resource, span) != c.InvertMatch
}

func (t oracleTrace) matchesNumber(c NumericAttributeConfig) bool {
	within := func(v any) bool {
		n, _ := v.(int64)
		return (c.MinValue == 0 || n >= c.MinValue) && (c.MaxValue == 0 || n <= c.MaxValue)
	}
	return t.anyAttribute(c.Key, within, within) != c.InvertMatch
}

// threshold tries every randomness at which an answer can change, with the hash passing and not. known: the trace is
// kept from some randomness on and never below, whatever the hash says.
func (t oracleTrace) threshold(policies []PolicyConfig) (th uint64, known bool) {
	edges := []uint64{0, never - 1}
	for _, e := range shareEdges(policies) {
		edges = append(edges, e-1, e)
	}
	slices.Sort(edges)
	for i, passes := range []bool{false, true} {
		t.hashPasses = &passes
		least, keptBefore := never, false
		for _, r := range edges {
			t.randomness = r
			kept, _ := t.decide(policies)
			if kept && !keptBefore && least == never {
				least = r
			}
			if !kept && keptBefore {
				return 0, false
			}
			keptBefore = kept
		}
		if i == 1 && least != th {
			return 0, false
		}
		th = least
	}
	return th, true
}

func shareEdges(policies []PolicyConfig) (edges []uint64) {
	for _, p := range policies {
		if c := p.Probabilistic; c != nil && c.HashSalt == "" && c.SamplingPercentage > 0 && c.SamplingPercentage < 100 {
			th, _ := sampling.ProbabilityToThreshold(c.SamplingPercentage / 100)
			edges = append(edges, th.Unsigned())
		}
		if p.SLO != nil {
			edges = append(edges, shareEdges([]PolicyConfig{{Probabilistic: &ProbabilisticConfig{SamplingPercentage: *p.SLO.Burning.SamplingPercentage}}})...)
		}
		if p.And != nil {
			edges = append(edges, shareEdges(p.And.SubPolicies)...)
		}
		if p.Not != nil {
			edges = append(edges, shareEdges([]PolicyConfig{*p.Not.SubPolicy})...)
		}
		if p.Drop != nil {
			edges = append(edges, shareEdges(p.Drop.SubPolicies)...)
		}
	}
	return edges
}

// hashes reports whether a salted share, or a share that is turned around, is anywhere among the policies.
func hashes(policies []PolicyConfig) bool {
	return slices.ContainsFunc(policies, func(p PolicyConfig) bool {
		return p.Probabilistic != nil && p.Probabilistic.HashSalt != "" ||
			p.And != nil && hashes(p.And.SubPolicies) || p.Drop != nil && hashes(p.Drop.SubPolicies) ||
			p.Not != nil && (p.Not.SubPolicy.Probabilistic != nil || p.Not.SubPolicy.SLO != nil || hashes([]PolicyConfig{*p.Not.SubPolicy}))
	})
}

// brings reports whether a span still to come can satisfy the policy by what it has.
func (p *PolicyConfig) brings() bool {
	switch p.Type {
	case "status_code", "latency", "span_count", "trace_flags", "trace_state":
		return true
	case "string_attribute":
		return !p.StringAttribute.InvertMatch
	case "numeric_attribute":
		return !p.NumericAttribute.InvertMatch
	case "boolean_attribute":
		return !p.BooleanAttribute.InvertMatch
	case "slo":
		return *p.SLO.BadEvents
	}
	return false
}

// Random configurations and traces draw from few keys and values, so that policies match about as often as not.

var (
	randomKeys  = []string{"a", "b", "url.path"}
	randomTexts = []string{"", "x", "xy", "/health", "/orders/17", "a text that is longer than an entry of the cache of results can hold"}
	randomExprs = []string{"x", "^x$", ".*", "/orders/[0-9]+", "^$", "cache"}
)

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func some[T any](rng *rand.Rand, from []T) []T {
	var list []T
	for range 1 + rng.IntN(2) {
		list = append(list, pick(rng, from))
	}
	return list
}

func randomValue(rng *rand.Rand) any {
	switch rng.IntN(6) {
	case 0, 1:
		return pick(rng, randomTexts)
	case 2:
		return int64(rng.IntN(11) - 5)
	case 3:
		return rng.IntN(2) == 0
	case 4:
		return 2.5
	}
	return nil
}

func randomAttributes(rng *rand.Rand) map[string]any {
	m := map[string]any{}
	for _, key := range randomKeys {
		if rng.IntN(3) == 0 {
			m[key] = randomValue(rng)
		}
	}
	return m
}

func randomLeaf(rng *rand.Rand) PolicyConfig {
	invert := rng.IntN(4) == 0
	switch rng.IntN(18) {
	case 0:
		return PolicyConfig{Type: "always_sample"}
	case 15, 16:
		return PolicyConfig{Type: "slo", SLO: &SLOConfig{BadEvents: new(rng.IntN(3) > 0), Burning: &SLOBurningConfig{
			SamplingPercentage: new(pick(rng, []float64{1, 20, 50, 100})), SpansPerSecond: new(int64),
		}}}
	case 11:
		c := SpanCountConfig{MinSpans: int64(rng.IntN(5))}
		if rng.IntN(2) == 0 {
			c.MaxSpans = c.MinSpans + 1
		}
		return PolicyConfig{Type: "span_count", SpanCount: &c}
	case 12:
		return PolicyConfig{Type: "trace_flags"}
	case 13:
		return PolicyConfig{Type: "trace_state", TraceState: &TraceStateConfig{Key: pick(rng, []string{"vendor", "other"}), Values: some(rng, []string{"1", "2", ""})}}
	case 14:
		sub := randomLeaf(rng)
		return PolicyConfig{Type: "not", Not: &NotConfig{SubPolicy: &sub}}
	case 1, 2:
		c := LatencyConfig{ThresholdMs: int64(rng.IntN(4))}
		if rng.IntN(3) == 0 {
			c.UpperThresholdMs = c.ThresholdMs + 1 + int64(rng.IntN(2))
		}
		return PolicyConfig{Type: "latency", Latency: &c}
	case 3, 4:
		return PolicyConfig{Type: "status_code", StatusCode: &StatusCodeConfig{StatusCodes: some(rng, []string{"OK", "ERROR", "ERROR", "UNSET"})}}
	case 5, 6:
		return PolicyConfig{Type: "probabilistic", Probabilistic: &ProbabilisticConfig{
			SamplingPercentage: pick(rng, []float64{0, 1, 10, 50, 90, 100}), HashSalt: pick(rng, []string{"", "", "", "salt"}),
		}}
	case 7:
		return PolicyConfig{Type: "string_attribute", StringAttribute: &StringAttributeConfig{
			Key: pick(rng, randomKeys), Values: some(rng, randomTexts), InvertMatch: invert,
		}}
	case 8:
		return PolicyConfig{Type: "string_attribute", StringAttribute: &StringAttributeConfig{
			Key: pick(rng, randomKeys), Values: some(rng, randomExprs), EnabledRegexMatching: true, CacheMaxSize: rng.IntN(3), InvertMatch: invert,
		}}
	case 9, 10:
		c := NumericAttributeConfig{Key: pick(rng, randomKeys), MinValue: int64(rng.IntN(5) - 4), InvertMatch: invert}
		if c.MinValue == 0 || rng.IntN(2) == 0 {
			c.MaxValue = int64(1 + rng.IntN(4))
		}
		return PolicyConfig{Type: "numeric_attribute", NumericAttribute: &c}
	}
	return PolicyConfig{Type: "boolean_attribute", BooleanAttribute: &BooleanAttributeConfig{
		Key: pick(rng, randomKeys), Value: rng.IntN(2) == 0, InvertMatch: invert,
	}}
}

func randomPolicies(rng *rand.Rand) []PolicyConfig {
	var list []PolicyConfig
	for i := range 1 + rng.IntN(4) {
		var p PolicyConfig
		subs := []PolicyConfig{randomLeaf(rng), randomLeaf(rng)}
		switch rng.IntN(6) {
		case 0:
			p = PolicyConfig{Type: "drop", Drop: &DropConfig{SubPolicies: subs}}
		case 1, 2:
			p = PolicyConfig{Type: "and", And: &AndConfig{SubPolicies: subs}}
		default:
			p = randomLeaf(rng)
		}
		p.Name = string(rune('a' + i))
		list = append(list, p)
	}
	return list
}

const milli = 1_000_000

func randomTrace(rng *rand.Rand) oracleTrace {
	t := oracleTrace{}
	for i := range t.id {
		t.id[i] = byte(rng.Uint32())
	}
	t.randomness = randomness(t.id, 0)
	state := ""
	switch rng.IntN(4) {
	case 0:
		t.randomness = pick(rng, []uint64{0, 1, never / 2, never - 1, rng.Uint64N(never)})
		rv, _ := sampling.UnsignedToRandomness(t.randomness)
		state = "vendor=1,ot=rv:" + rv.RValue()
	case 1:
		state = "vendor=1"
	}
	resources := []map[string]any{randomAttributes(rng), randomAttributes(rng)}
	for range 1 + rng.IntN(5) {
		start := uint64(1000*milli + rng.IntN(3*milli))
		t.spans = append(t.spans, oracleSpan{
			start:              start,
			end:                start + uint64(rng.IntN(3*milli)) - uint64(rng.IntN(milli)), // ends before starts are real
			status:             int32(rng.IntN(8) / 2),                                      // 3 is none of OTLP's
			attributes:         randomAttributes(rng),
			resourceAttributes: pick(rng, resources),
			traceState:         state,
			flags:              pick(rng, []uint32{0, 0x100, 1, 0x303}),
			slo:                pick(rng, []spanview.SLOFlags{0, 0, 0, 0, 1, 2, 2, 3}),
		})
	}
	return t
}
