package sampling

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// StringAttributeConfig is the `string_attribute:` block: the policy matches a trace with a span or resource whose
// attribute is one of some texts. Attributes that are not strings count as empty text, which is never one of Values
// and is shown to the regular expressions for a resource only, as in contrib.
type StringAttributeConfig struct {
	// Key is the attribute's.
	Key string `mapstructure:"key"`
	// Values are the texts, or the regular expressions; at least one.
	Values []string `mapstructure:"values"`
	// EnabledRegexMatching: Values are regular expressions (RE2). They match anywhere in the text unless anchored.
	EnabledRegexMatching bool `mapstructure:"enabled_regex_matching"`
	// CacheMaxSize is how many results of the regular expressions are remembered, by each goroutine that matches;
	// rounded up to a power of two. Default 0, which like all below
	// it stands for 128; more than 65536 are as many.
	CacheMaxSize int `mapstructure:"cache_max_size"`
	// InvertMatch: match the traces in which no attribute is one of the texts, or none is there.
	InvertMatch bool `mapstructure:"invert_match"`
}

func (s *StringAttributeConfig) validate(path string, errs *problems) {
	validateKey(s.Key, path, errs)
	if len(s.Values) == 0 {
		errs.addf(path+".values", "must list at least one value (got none)")
	}
	if !s.EnabledRegexMatching {
		return
	}
	for i, expr := range s.Values {
		if _, err := regexp.Compile(expr); err != nil {
			errs.addf(fmt.Sprintf("%s.values[%d]", path, i), "must be a regular expression (got %q): %w", expr, err)
		}
	}
}

func (s *StringAttributeConfig) compile(c *compiler) (condition, error) {
	values := slices.Compact(slices.Sorted(slices.Values(s.Values)))
	if !s.EnabledRegexMatching {
		test := make(textIn, len(values))
		for _, v := range values {
			if v != "" {
				test[v] = struct{}{}
			}
		}
		bit, err := c.attribute(s.Key, fmt.Sprintf("text %q", values), test, test)
		return c.bitCondition(bit, s.InvertMatch), err
	}

	bit, fresh, err := c.attributeBit(s.Key, fmt.Sprintf("regex %q", values))
	if err != nil || !fresh {
		return c.bitCondition(bit, s.InvertMatch), err
	}
	span := textLike{cache: c.regexCache(s.CacheMaxSize)}
	for _, expr := range values {
		re, err := regexp.Compile(expr)
		if err != nil {
			return nil, fmt.Errorf("cannot compile regular expression %q: %w", expr, err)
		}
		span.any = append(span.any, re)
	}
	resource := span
	resource.emptyToo = true
	return c.bitCondition(bit, s.InvertMatch), c.testAttribute(s.Key, bit, span, resource)
}

// textIn is a set of texts; the empty text is never in it.
type textIn map[string]struct{}

func (t textIn) matches(v *spanview.Value, _ *Scratch) bool {
	if v.Type != spanview.String {
		return false
	}
	_, in := t[v.Str]
	return in
}

// textLike holds for a text that any of the expressions matches.
type textLike struct {
	any []*regexp.Regexp
	// cache is the number of the predicate's cache in Scratch.
	cache int
	// emptyToo: the empty text is shown to the expressions.
	emptyToo bool
}

func (t textLike) matches(v *spanview.Value, sc *Scratch) bool {
	text := ""
	if v.Type == spanview.String {
		text = v.Str
	}
	if text == "" && !t.emptyToo {
		return false
	}
	entry := sc.caches[t.cache].entry(text)
	if entry.is(text) {
		return entry.matched
	}
	matched := false
	for _, re := range t.any {
		if re.MatchString(text) {
			matched = true
			break
		}
	}
	entry.set(text, matched)
	return matched
}
