package spanpipe

import (
	"math/rand/v2"
	"regexp"
	"strings"

	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

// randomPredicate is a policy of a type that asks spans.
func randomPredicate(rng *rand.Rand) rule {
	switch rng.IntN(7) {
	case 0:
		status := one(rng, "OK", "ERROR", "ERROR", "UNSET")
		return leaf(statusIs("", status), func(s *anySpan) bool { return []string{"UNSET", "OK", "ERROR"}[s.status] == status })
	case 1:
		return leaf(sampling.PolicyConfig{Type: "trace_flags"}, func(s *anySpan) bool { return s.flags&1 != 0 })
	case 2:
		value := one(rng, "1", "2")
		return leaf(sampling.PolicyConfig{Type: "trace_state", TraceState: &sampling.TraceStateConfig{Key: "vendor", Values: []string{value}}},
			func(s *anySpan) bool { return strings.Contains(s.state, "vendor="+value) })
	case 3:
		none := new(float64)
		return leaf(sampling.PolicyConfig{Type: "slo", SLO: &sampling.SLOConfig{Burning: &sampling.SLOBurningConfig{SamplingPercentage: none}}},
			func(s *anySpan) bool { return s.server && s.status == 2 && (s.root || s.flags&0x100 == 0) }) // called from elsewhere
	case 4, 5:
		return randomOTTL(rng)
	}
	return randomAttribute(rng)
}

func randomOTTL(rng *rand.Rand) rule {
	asks := []struct {
		span, event string
		holds       func(s *anySpan) bool
	}{
		{span: `span.attributes["text"] == "x"`, holds: func(s *anySpan) bool { return s.text == "x" }},
		{span: `span.status.code == STATUS_CODE_ERROR and span.name == "inner"`, holds: func(s *anySpan) bool { return s.status == 2 && !s.root }},
		{span: `IsRootSpan()`, holds: func(s *anySpan) bool { return s.root }},
		{span: `resource.attributes["service.name"] == "b"`, holds: func(s *anySpan) bool { return s.service == "b" }},
		{event: `spanevent.name == "exception"`, holds: func(s *anySpan) bool { return s.event == "exception" }},
		{span: `span.attributes["number"] > 3`, event: `spanevent.name == "retry"`, holds: func(s *anySpan) bool { return s.number > 3 || s.event == "retry" }},
	}
	ask := one(rng, asks...)
	c := &sampling.OTTLConditionConfig{ErrorMode: one(rng, "", "ignore", "propagate")}
	if ask.span != "" {
		c.Span = []string{ask.span}
	}
	if ask.event != "" {
		c.SpanEvent = []string{ask.event}
	}
	return leaf(sampling.PolicyConfig{Type: "ottl_condition", OTTLCondition: c}, ask.holds)
}

// randomAttribute asks for text, number or flag, which no resource has, or for the service, which only resources have.
func randomAttribute(rng *rand.Rand) rule {
	invert := rng.IntN(3) == 0
	var r rule
	switch rng.IntN(5) {
	case 0:
		value := one(rng, "a", "b", "c")
		r = leaf(textIs("", "service.name", value), func(s *anySpan) bool { return s.service == value })
		r.config.StringAttribute.InvertMatch = invert
	case 1:
		value := one(rng, "x", "y")
		r = leaf(textIs("", "text", value), func(s *anySpan) bool { return s.text == value })
		r.config.StringAttribute.InvertMatch = invert
	case 2:
		expr := one(rng, "^x", "y$", ".")
		r = leaf(textIs("", "text", expr), func(s *anySpan) bool { return s.text != "" && regexp.MustCompile(expr).MatchString(s.text) })
		r.config.StringAttribute.EnabledRegexMatching, r.config.StringAttribute.InvertMatch = true, invert
	case 3:
		low := int64(1 + rng.IntN(5))
		r = leaf(sampling.PolicyConfig{Type: "numeric_attribute", NumericAttribute: &sampling.NumericAttributeConfig{
			Key: "number", MinValue: low, MaxValue: low + 1, InvertMatch: invert,
		}}, func(s *anySpan) bool { return s.number == low || s.number == low+1 })
	default:
		r = leaf(sampling.PolicyConfig{Type: "boolean_attribute", BooleanAttribute: &sampling.BooleanAttributeConfig{
			Key: "flag", Value: true, InvertMatch: invert,
		}}, func(s *anySpan) bool { return s.flag })
	}
	if invert {
		some := r.holds
		r.holds = func(t anyTrace, x uint64) bool { return !some(t, x) }
	}
	return r
}
