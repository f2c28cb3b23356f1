package parity

import "strings"

// composed are configurations of several policies, as people write them.
func composed() []policyCase {
	named := func(policies ...string) string { return "policies: [" + strings.Join(policies, ", ") + "]" }
	dropAll := func(subs ...string) string {
		return "{name: drop, type: drop, drop: {drop_sub_policy: [" + strings.Join(subs, ", ") + "]}}"
	}
	both := func(name string, subs ...string) string {
		return "{name: " + name + ", type: and, and: {and_sub_policy: [" + strings.Join(subs, ", ") + "]}}"
	}
	const (
		healthz = `{name: l, type: string_attribute, string_attribute: {key: path, enabled_regex_matching: true, values: ['^/healthz$']}}`
		clients = `{name: m, type: string_attribute, string_attribute: {key: service.name, values: [frontend, ts-ui-dashboard, order]}}`
		server5 = `{name: n, type: numeric_attribute, numeric_attribute: {key: code, min_value: 500, max_value: 599}}`
		acme    = `{name: o, type: trace_state, trace_state: {key: acme, values: [gold]}}`
		flagged = `{name: p, type: trace_flags}`
		retried = `{name: q, type: boolean_attribute, boolean_attribute: {key: retry, value: true}}`
		raised  = `{name: r, type: ottl_condition, ottl_condition: {error_mode: ignore, spanevent: ['spanevent.name == "exception"']}}`
		one     = `{name: s, type: probabilistic, probabilistic: {sampling_percentage: 1, hash_salt: layer-2}}`
	)
	return []policyCase{
		{setting: "errors, slow, a share", config: named(isError, isSlow, one)},
		{setting: "the same, first match", config: "sample_on_first_match: true\n" + named(isError, isSlow, one)},
		{setting: "the same, over shards, remembered", config: "num_shards: 4\ndecision_cache: {sampled_cache_size: 50000, non_sampled_cache_size: 50000}\n" +
			named(isError, isSlow, one)},
		{setting: "health checks dropped", config: named(isError, salted, dropAll(healthz))},
		{setting: "health checks dropped unless they fail", config: named(isSlow, salted, dropAll(healthz, notError))},
		{setting: "by attributes of each type", config: named(isGold, server5, retried)},
		{setting: "by what the context says", config: named(acme, flagged, both("sure", isBig, isSlow))},
		{setting: "inverted beside others", config: named(notSilver, isError)},
		{setting: "inverted within and, not within drop", config: named(both("quiet", notSilver, notFlag), dropAll(notError, isBig))},
		{setting: "events and conditions", config: named(raised, isServer, dropAll(clients, notError))},
		{
			setting: "one of everything",
			config: named(isError, both("slow", isSlow, isBig), server5, retried, acme, flagged, raised, one, notError, dropAll(healthz, notFlag),
				"{name: drop2, type: drop, drop: {drop_sub_policy: ["+isGold+", "+notError+"]}}"),
		},
		{setting: "three shares of one salt, and a drop by share", config: named(salted,
			"{name: t, type: probabilistic, probabilistic: {sampling_percentage: 60, hash_salt: x}}",
			dropAll("{name: u, type: probabilistic, probabilistic: {sampling_percentage: 20, hash_salt: x}}", notFlag))},
	}
}
