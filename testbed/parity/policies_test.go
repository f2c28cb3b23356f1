package parity

import "strings"

// policyCase is a configuration whose decisions hang on nothing but the trace.
type policyCase struct {
	// policy is the type that is looked at, setting what is said of it.
	policy, setting string
	// config is `policies:` and whatever else stands at the same level.
	config string
	// inOrder: only for traffic whose first spans bound their traces.
	inOrder bool
	// every: it is meant to keep all traces of each traffic, or none.
	every bool
}

// single are the settings of each type, alone.
func single() []policyCase {
	var out []policyCase
	add := func(policy, setting, block string) *policyCase {
		c := policyCase{policy: policy, setting: setting, config: "policies: [{name: it, type: " + policy + block + "}]"}
		out = append(out, c)
		return &out[len(out)-1]
	}
	with := func(policy string, settings ...string) {
		for _, s := range settings {
			add(policy, s, ", "+policy+": {"+s+"}")
		}
	}
	every := func(policy string, settings ...string) {
		for _, s := range settings {
			add(policy, s, ", "+policy+": {"+s+"}").every = true
		}
	}

	add("always_sample", "", "").every = true
	with("latency", "threshold_ms: 0", "threshold_ms: 99", "threshold_ms: 100", "threshold_ms: 499", "threshold_ms: 500", "threshold_ms: 5000")
	for _, s := range []string{
		"upper_threshold_ms: 100", "threshold_ms: 99, upper_threshold_ms: 100", "threshold_ms: 100, upper_threshold_ms: 500", "threshold_ms: 500, upper_threshold_ms: 2000",
	} {
		add("latency", s, ", latency: {"+s+"}").inOrder = true
	}
	with("numeric_attribute",
		"key: code, min_value: 404, max_value: 500", "key: code, min_value: 500", "key: code, max_value: 404", "key: code, max_value: -5",
		"key: code, min_value: -5, max_value: 499", "key: code, min_value: 404, max_value: 404", "key: code, min_value: 405, max_value: 499",
		"key: code, min_value: 9223372036854775807", "key: code, min_value: 404, max_value: 500, invert_match: true",
		"key: code, min_value: -1, max_value: 1, invert_match: true", "key: tier, min_value: -1, max_value: 1",
		"key: http.response.status_code, min_value: 400", "key: http.status_code, min_value: 200, max_value: 299")
	with("boolean_attribute", "key: retry, value: true", "key: retry, value: false", "key: retry", "key: retry, value: true, invert_match: true",
		"key: retry, value: false, invert_match: true", "key: tier, value: false")
	every("boolean_attribute", "key: error, value: true")
	with("string_attribute",
		"key: tier, values: [gold]", "key: tier, values: [gold, silver, gold]", "key: tier, values: [gö]", "key: tier, values: ['', bronze]",
		"key: tier, values: [gold], invert_match: true", "key: tier, values: [gold, silver, ''], invert_match: true",
		"key: service.name, values: [cart, ts-order-service, frontend]", "key: service.name, values: [cart, ts-order-service, order], invert_match: true",
		"key: path, enabled_regex_matching: true, values: ['^/api/v[12]/users/[0-9]+$']", "key: path, enabled_regex_matching: true, values: [healthz]",
		"key: path, enabled_regex_matching: true, values: ['^/healthz$', 'v2']", "key: tier, enabled_regex_matching: true, values: ['^$']",
		"key: tier, enabled_regex_matching: true, values: ['^$'], invert_match: true", "key: path, enabled_regex_matching: true, cache_max_size: 1, values: ['users']",
		"key: path, enabled_regex_matching: true, values: ['users', 'health'], invert_match: true", "key: tier, enabled_regex_matching: true, values: ['(?i)^GOLD']",
		"key: k8s.pod.name, enabled_regex_matching: true, values: ['^ts-(order|travel)-']", "key: tier, enabled_regex_matching: true, values: ['.*']")
	every("string_attribute", "key: code, values: ['200']")
	with("status_code", "status_codes: [ERROR]", "status_codes: [OK]", "status_codes: [UNSET]", "status_codes: [OK, ERROR]", "status_codes: [OK, ERROR, UNSET]")
	with("span_count", "min_spans: 2", "min_spans: 12", "min_spans: 2, max_spans: 12", "max_spans: 5", "min_spans: 60", "min_spans: 7, max_spans: 7")
	every("span_count", "min_spans: 1", "min_spans: 100000")
	with("trace_state", "key: acme, values: [gold]", "key: acme, values: [silver, gold]", "key: ot, values: ['th:c', 'th:8']",
		"key: acme, values: ['', gold]", "key: tenant@acme, values: [gold]")
	every("trace_state", "key: ot, values: [th]", "key: missing, values: [gold]")
	add("trace_flags", "", "")
	with("probabilistic", "sampling_percentage: 10, hash_salt: a", "sampling_percentage: 50, hash_salt: b", "sampling_percentage: 0.5, hash_salt: c",
		"sampling_percentage: 99.9, hash_salt: a", "sampling_percentage: 33.333333, hash_salt: default-hash-seed")
	every("probabilistic", "sampling_percentage: 0", "sampling_percentage: 100", "sampling_percentage: 100, hash_salt: a", "sampling_percentage: 120", "sampling_percentage: -1")
	with("ottl_condition",
		`span: ['span.attributes["tier"] == "gold"']`, `span: ['span.attributes["code"] >= 500', 'span.status.code == 2']`,
		`spanevent: ['spanevent.name == "exception"']`, `error_mode: ignore, spanevent: ['spanevent.attributes["tier"] == "silver"']`,
		`error_mode: ignore, span: ['span.kind == 3 and resource.attributes["service.name"] == "cart"'], spanevent: ['spanevent.name == "log"']`,
		`error_mode: ignore, span: ['IsMatch(span.name, "^GET") and IsRootSpan()']`, `error_mode: ignore, span: ['resource.attributes["k8s.pod.name"] != nil and span.kind == 4']`,
		`error_mode: propagate, span: ['IsMatch(span.name, "^SELECT$")']`, `error_mode: silent, span: ['Int(span.attributes["tier"]) > 1']`)
	with("not",
		"not_sub_policy: {type: status_code, status_code: {status_codes: [ERROR]}}", "not_sub_policy: {type: latency, latency: {threshold_ms: 500}}",
		"not_sub_policy: {type: string_attribute, string_attribute: {key: tier, values: [gold], invert_match: true}}",
		"not_sub_policy: {type: span_count, span_count: {min_spans: 12}}", "not_sub_policy: {type: trace_flags}",
		"not_sub_policy: {type: probabilistic, probabilistic: {sampling_percentage: 20, hash_salt: n}}")
	return append(out, nested()...)
}

const (
	isGold    = "{name: a, type: string_attribute, string_attribute: {key: tier, values: [gold]}}"
	isError   = "{name: b, type: status_code, status_code: {status_codes: [ERROR]}}"
	isSlow    = "{name: c, type: latency, latency: {threshold_ms: 100}}"
	isBig     = "{name: d, type: span_count, span_count: {min_spans: 5}}"
	notSilver = "{name: e, type: string_attribute, string_attribute: {key: tier, values: [silver], invert_match: true}}"
	notFlag   = "{name: f, type: not, not: {not_sub_policy: {name: g, type: trace_flags}}}"
	notError  = "{name: h, type: not, not: {not_sub_policy: " + isError + "}}"
	salted    = "{name: i, type: probabilistic, probabilistic: {sampling_percentage: 40, hash_salt: x}}"
	isServer  = `{name: j, type: ottl_condition, ottl_condition: {error_mode: ignore, span: ['span.kind == 2']}}`
	isAll     = "{name: k, type: always_sample}"
)

// nested are and, drop, and not within them.
func nested() []policyCase {
	var out []policyCase
	for _, subs := range [][]string{
		{isGold},
		{isSlow, isBig},
		{isGold, isError, isSlow},
		{notSilver, isSlow},
		{notFlag, isBig},
		{notError, isSlow},
		{isSlow, salted},
		{notFlag, notError, notSilver},
		{isServer, isSlow},
		{isAll, isBig},
	} {
		list := "[" + strings.Join(subs, ", ") + "]"
		out = append(out,
			policyCase{policy: "and", setting: list, config: "policies: [{name: it, type: and, and: {and_sub_policy: " + list + "}}]"},
			policyCase{
				policy: "drop", setting: list,
				config: "policies: [{name: rest, type: always_sample}, {name: it, type: drop, drop: {drop_sub_policy: " + list + "}}]",
			})
	}
	return out
}
