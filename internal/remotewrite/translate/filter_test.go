package translate

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestAttributeFilter(t *testing.T) {
	tests := map[string]struct {
		filter AttributeFilter
		want   string
	}{
		"nothing":                               {AttributeFilter{}, ""},
		"all":                                   {AttributeFilter{Included: []string{"*"}}, "host.name k8s.pod.name k8s.pod.uid service.name"},
		"by key":                                {AttributeFilter{Included: []string{"host.name", "service.name"}}, "host.name service.name"},
		"by pattern":                            {AttributeFilter{Included: []string{"k8s.*.name", "host.nam?"}}, "host.name k8s.pod.name"},
		"what is excluded is out, however":      {AttributeFilter{Included: []string{"*name"}, Excluded: []string{"k8s*"}}, "host.name service.name"},
		"all but what is excluded":              {AttributeFilter{Excluded: []string{"*.name"}}, "k8s.pod.uid"},
		"a point is no wildcard":                {AttributeFilter{Included: []string{"host-name", "hostname"}}, ""},
		"a pattern is for all of the key":       {AttributeFilter{Included: []string{"host", "name", "k8s.pod"}}, ""},
		"a ? is exactly one, and * may be none": {AttributeFilter{Included: []string{"host.name?", "*host.name*"}}, "host.name"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, key := range []string{"host.name", "k8s.pod.name", "k8s.pod.uid", "service.name"} {
				if tt.filter.chooses(key) {
					got = append(got, key)
				}
			}
			assert.Equal(t, tt.want, strings.Join(got, " "))
		})
	}
}

// FuzzPattern compares with what the contrib exporter does, a regular expression.
func FuzzPattern(f *testing.F) {
	f.Add("k8s.*.name", "k8s.pod.name")
	f.Add("*a*b?c", "aaabbxcabäc")
	f.Add("?*?", "ä")
	f.Add("a**", "a\nb")
	f.Fuzz(func(t *testing.T, pattern, key string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(key) {
			return
		}
		quoted := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
		assert.Equal(t, regexp.MustCompile("(?s)^"+quoted+"$").MatchString(key), matches(pattern, key), "%q %q", pattern, key)
	})
}
