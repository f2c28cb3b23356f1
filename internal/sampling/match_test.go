package sampling

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

func TestPredicatesOfSpansAndResources(t *testing.T) {
	type attributes = map[string]any
	f := func(policy string, span, resource attributes, want bool) {
		t.Helper()
		p, s := mustCompile(t, `{policies: [{name: p, `+policy+`}]}`)
		trace := oracleTrace{spans: []oracleSpan{{attributes: span, resourceAttributes: resource}}}
		var sc Scratch
		for range 2 { // the second time from the cache of results
			assert.Equal(t, want, p.Decide(record(p, s, trace, []int{0}, &sc)).Keep)
		}
	}
	const (
		text     = `type: string_attribute, string_attribute: {key: k, values: [x, ""]}`
		notText  = `type: string_attribute, string_attribute: {key: k, values: [x], invert_match: true}`
		regex    = `type: string_attribute, string_attribute: {key: k, values: ["[0-9]", "^y"], enabled_regex_matching: true}`
		anything = `type: string_attribute, string_attribute: {key: k, values: [".*"], enabled_regex_matching: true}`
		between  = `type: numeric_attribute, numeric_attribute: {key: k, min_value: 5, max_value: 7}`
		atMost   = `type: numeric_attribute, numeric_attribute: {key: k, min_value: 0, max_value: 7}`
		atLeast  = `type: numeric_attribute, numeric_attribute: {key: k, min_value: -1}`
		outside  = `type: numeric_attribute, numeric_attribute: {key: k, min_value: 5, max_value: 7, invert_match: true}`
		yes      = `type: boolean_attribute, boolean_attribute: {key: k, value: true}`
		no       = `type: boolean_attribute, boolean_attribute: {key: k}`
		notYes   = `type: boolean_attribute, boolean_attribute: {key: k, value: true, invert_match: true}`
	)

	f(text, attributes{"k": "x"}, nil, true)
	f(text, nil, attributes{"k": "x"}, true)
	f(text, attributes{"k": "y"}, attributes{"k": "x"}, true)
	f(text, attributes{"k": "xx"}, attributes{"other": "x"}, false)
	f(text, attributes{"k": ""}, attributes{"k": ""}, false)
	f(text, attributes{"k": int64(1)}, nil, false)
	f(text, attributes{"k": []byte("x")}, nil, false)
	f(notText, nil, nil, true)
	f(notText, attributes{"k": "y"}, nil, true)
	f(notText, attributes{"k": "x"}, nil, false)
	f(notText, attributes{"k": "y"}, attributes{"k": "x"}, false)

	f(regex, attributes{"k": "a5b"}, nil, true)
	f(regex, attributes{"k": "yes"}, nil, true)
	f(regex, attributes{"k": "ay"}, nil, false)
	f(regex, attributes{"k": strings.Repeat("a", 100) + "5"}, nil, true)
	f(regex, attributes{"k": strings.Repeat("a", 100)}, nil, false)
	f(anything, attributes{"k": ""}, nil, false)
	f(anything, nil, attributes{"k": ""}, true)
	f(anything, attributes{"k": int64(1)}, nil, false)
	f(anything, attributes{"k": []byte("x")}, nil, false)
	f(anything, nil, attributes{"k": int64(1)}, true)
	f(anything, nil, nil, false)

	f(between, attributes{"k": int64(5)}, nil, true)
	f(between, nil, attributes{"k": int64(7)}, true)
	f(between, attributes{"k": int64(4)}, attributes{"k": int64(8)}, false)
	f(between, attributes{"k": "6"}, nil, false)
	f(atMost, attributes{"k": int64(-1000)}, nil, true)
	f(atMost, attributes{"k": 9000.5}, nil, true) // counts as 0
	f(atLeast, attributes{"k": "text"}, nil, true)
	f(atLeast, attributes{"k": int64(-2)}, nil, false)
	f(outside, nil, nil, true)
	f(outside, attributes{"k": int64(6)}, nil, false)
	f(outside, attributes{"k": int64(8)}, nil, true)

	f(yes, attributes{"k": true}, nil, true)
	f(yes, nil, attributes{"k": true}, true)
	f(yes, attributes{"k": false}, nil, false)
	f(yes, attributes{"k": "true"}, nil, false)
	f(no, attributes{"k": false}, nil, true)
	f(no, attributes{"k": "text"}, nil, true) // counts as false
	f(no, nil, nil, false)
	f(notYes, nil, nil, true)
	f(notYes, attributes{"k": true}, nil, false)
}

func TestTheCacheOfResultsTellsALongTextFromItsBeginning(t *testing.T) {
	p, s := mustCompile(t, `{policies: [{name: p, type: string_attribute,
		string_attribute: {key: k, values: ["5$"], enabled_regex_matching: true, cache_max_size: 1}}]}`)
	long := strings.Repeat("a", 200) + "5"
	var sc Scratch
	for range 2 {
		for n := range len(long) + 1 {
			trace := oracleTrace{spans: []oracleSpan{{attributes: map[string]any{"k": long}}}}
			assert.True(t, p.Decide(record(p, s, trace, []int{0}, &sc)).Keep)
			trace.spans[0].attributes["k"] = long[:n]
			assert.Equal(t, n == len(long), p.Decide(record(p, s, trace, []int{0}, &sc)).Keep)
		}
	}
}

func TestStatusesAreTheOnesNamed(t *testing.T) {
	f := func(codes string, status int32, want bool) {
		t.Helper()
		p, s := mustCompile(t, `{policies: [{name: p, type: status_code, status_code: {status_codes: [`+codes+`]}}]}`)
		trace := oracleTrace{spans: []oracleSpan{{status: status}}}
		assert.Equal(t, want, p.Decide(record(p, s, trace, []int{0}, &Scratch{})).Keep)
	}
	f("ERROR", spanview.StatusError, true)
	f("ERROR", spanview.StatusOK, false)
	f("ERROR, OK", spanview.StatusOK, true)
	f("UNSET", spanview.StatusUnset, true)
	f("UNSET, OK, ERROR", 3, false)
	f("UNSET, OK, ERROR", -1, false)
}

func TestAnAndWantsItsPartsFromTheTraceNotFromOneSpan(t *testing.T) {
	p, s := mustCompile(t, `{policies: [{name: p, type: and, and: {and_sub_policy: [
		{type: status_code, status_code: {status_codes: [ERROR]}},
		{type: boolean_attribute, boolean_attribute: {key: vip, value: true}}]}}]}`)
	trace := oracleTrace{spans: []oracleSpan{
		{status: spanview.StatusError},
		{attributes: map[string]any{"vip": true}},
	}}
	assert.True(t, p.Decide(record(p, s, trace, []int{0, 1}, &Scratch{})).Keep)
	assert.False(t, p.Decide(record(p, s, trace, []int{0}, &Scratch{})).Keep)
	assert.False(t, p.Decide(record(p, s, trace, []int{1}, &Scratch{})).Keep)
}

func TestRandomnessAndThresholdAreReadFromTheTraceState(t *testing.T) {
	p, s := mustCompile(t, `{}`)
	f := func(state string, randomness, threshold uint64) {
		t.Helper()
		var b spanview.Batch
		b.Reset(s)
		for _, ts := range []string{"", state, strings.Clone(state), "ot=th:1", state, ""} {
			addSpan(&b, s, [16]byte{}, oracleSpan{traceState: ts})
			b.Spans[len(b.Spans)-1].Randomness = 77 // a reader need not clear it
		}
		p.Match(&b, &Scratch{})
		for _, i := range []int{1, 2, 4} {
			assert.Equal(t, randomness, b.Spans[i].Randomness)
			assert.Equal(t, threshold, b.Spans[i].Threshold)
		}
		for _, i := range []int{0, 5} {
			assert.Zero(t, b.Spans[i].Randomness)
			assert.Zero(t, b.Spans[i].Threshold)
		}
		assert.Equal(t, uint64(1)<<52+1, b.Spans[3].Threshold)
	}
	f("ot=rv:00000000000000", 1, 0)
	f("ot=rv:ffffffffffffff;th:8", 1<<56, 1<<55+1)
	f("congo=t61rcWkgMzE , ot=th:c;k:v", 0, 3<<54+1)
	f("ot=th:0", 0, 1)
	f("robot=th:8", 0, 0)
	f("ot=th:", 0, 0)
	f("ot=th:8;rv:12", 0, 0) // an invalid part makes the whole entry void
	f("ot=th:123456789abcdef", 0, 0)
	f("not a tracestate, ot=th:8", 0, 0)
	f("vendor=value", 0, 0)
}

func TestManyGoroutinesMatchAtOnceWithScratchesOfTheirOwn(t *testing.T) {
	p, s := mustCompile(t, `{policies: [{name: p, type: string_attribute,
		string_attribute: {key: k, values: ["^a+$"], enabled_regex_matching: true, cache_max_size: 2}}]}`)
	texts := []string{"a", "aa", "b", "aaa", "ab", "aaaa"}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var sc Scratch
			for i := range 1000 {
				text := texts[i%len(texts)]
				trace := oracleTrace{spans: []oracleSpan{{attributes: map[string]any{"k": text}}}}
				assert.Equal(t, !strings.Contains(text, "b"), p.Decide(record(p, s, trace, []int{0}, &sc)).Keep)
			}
		})
	}
	wg.Wait()
}

func TestAScratchServesOnePoliciesAfterAnother(t *testing.T) {
	var sc Scratch
	for _, expr := range []string{"a", "b", "a"} {
		p, s := mustCompile(t, `{policies: [{name: p, type: string_attribute,
			string_attribute: {key: k, values: [`+expr+`], enabled_regex_matching: true}}]}`)
		trace := oracleTrace{spans: []oracleSpan{{attributes: map[string]any{"k": "a"}}}}
		assert.Equal(t, expr == "a", p.Decide(record(p, s, trace, []int{0}, &sc)).Keep)
	}
}

func TestEqualRegularExpressionsHaveOneCache(t *testing.T) {
	const like = `string_attribute: {key: k, values: ["^a", "b$"], enabled_regex_matching: true`
	p, s := mustCompile(t, `{policies: [{name: a, type: string_attribute, `+like+`}}, {name: b, type: string_attribute, `+like+`, invert_match: true}},
		{name: c, type: string_attribute, string_attribute: {key: k, values: [c], enabled_regex_matching: true, cache_max_size: 9}}]}`)
	assert.Equal(t, []int{0, 9}, p.cacheSizes)
	b := matchOf(p, s, &Scratch{}, sent{attributes: map[string]any{"k": "abc"}}, sent{attributes: map[string]any{"k": "bb"}}, sent{})
	assert.Equal(t, []uint64{3, 1, 0}, []uint64{b.Spans[0].Bits, b.Spans[1].Bits, b.Spans[2].Bits})
}
