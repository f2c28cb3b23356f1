package slo

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// condition is a set of values of which one must be equal, or a regular expression that must be found.
type condition struct {
	re      *regexp.Regexp
	texts   map[string]struct{}
	ints    map[int64]struct{}
	doubles map[float64]struct{}
	bools   [2]bool
}

// parseCondition reads a value, a list of values, or {regex: RE2}.
func parseCondition(raw any) (*condition, error) {
	switch v := raw.(type) {
	case []any:
		if len(v) == 0 {
			return nil, fmt.Errorf("must list at least one value (got an empty list)")
		}
		c := newCondition()
		for i, x := range v {
			if err := c.add(x); err != nil {
				return nil, fmt.Errorf("[%d] %w", i, err)
			}
		}
		return c, nil
	case map[string]any:
		text, ok := v["regex"].(string)
		if !ok || len(v) != 1 {
			return nil, fmt.Errorf("must have the single key regex with a text (got %v)", v)
		}
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("must be a regular expression of RE2 (got %q): %w", text, err)
		}
		return &condition{re: re}, nil
	}
	c := newCondition()
	return c, c.add(raw)
}

func newCondition() *condition {
	return &condition{texts: map[string]struct{}{}, ints: map[int64]struct{}{}, doubles: map[float64]struct{}{}}
}

// add takes one value in, under every type whose text equals its text.
func (c *condition) add(raw any) error {
	var text string
	switch v := raw.(type) {
	case string:
		text = v
	case bool:
		text = strconv.FormatBool(v)
	case int, int64, uint64, float64:
		text, _ = numberText(v)
	default:
		return fmt.Errorf("must be a text, a number or a boolean (got %v)", raw)
	}
	c.texts[text] = struct{}{}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		c.ints[n] = struct{}{}
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		c.doubles[f] = struct{}{}
	}
	c.bools[0] = c.bools[0] || text == "false"
	c.bools[1] = c.bools[1] || text == "true"
	return nil
}

func (c *condition) text(s string) bool {
	if c.re != nil {
		return c.re.MatchString(s)
	}
	_, ok := c.texts[s]
	return ok
}

// value reports whether the condition holds; it holds for no value that is absent, empty, bytes, an array or a map.
func (c *condition) value(v *spanview.Value) (ok bool) {
	switch v.Type {
	case spanview.String:
		return c.text(v.Str)
	case spanview.Int:
		_, ok = c.ints[v.Int()]
	case spanview.Double:
		_, ok = c.doubles[v.Double()]
	case spanview.Bool:
		ok = c.bools[v.Num&1]
	}
	return ok
}
