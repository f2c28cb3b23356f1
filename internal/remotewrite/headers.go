package remotewrite

import (
	"slices"
	"strings"
	"unicode"
)

// Headers are request headers beyond those of the protocol: what tells one tenant's requests from another's. The empty
// Headers are none. They are comparable, and written to the log as they are: names and values in turns, a zero byte behind each.
type Headers string

// Header is one of them.
type Header struct {
	Name, Value string
}

// MakeHeaders returns headers, sorted by name. Those without a value are left out.
func MakeHeaders(list ...Header) Headers {
	slices.SortStableFunc(list, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	var out strings.Builder
	for _, h := range list {
		if h.Value != "" {
			out.WriteString(clean(h.Name) + "\x00" + clean(h.Value) + "\x00")
		}
	}
	return Headers(out.String())
}

// clean leaves out control characters, which no header can hold (RFC 9110, 5.5).
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// Each calls f for each header.
func (h Headers) Each(f func(name, value string)) {
	rest := string(h)
	for rest != "" {
		name, more, _ := strings.Cut(rest, "\x00")
		value, left, _ := strings.Cut(more, "\x00")
		f(name, value)
		rest = left
	}
}
