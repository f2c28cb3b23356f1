package sampling

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
)

// parse reads the block as the Collector does, over the defaults.
func parse(t testing.TB, yaml string) (Config, error) {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	cfg := DefaultConfig()
	return cfg, conf.Unmarshal(&cfg)
}

func mustParse(t testing.TB, yaml string) Config {
	t.Helper()
	cfg, err := parse(t, yaml)
	require.NoError(t, err)
	require.NoError(t, cfg.Validate())
	return cfg
}

func mustCompile(t testing.TB, yaml string) (*Policies, *spanview.Schema) {
	t.Helper()
	s := &spanview.Schema{}
	p, err := Compile(mustParse(t, yaml), Options{}, s)
	require.NoError(t, err)
	return p, s
}

func TestEveryPolicyIsReadFromContribsKeys(t *testing.T) {
	cfg := mustParse(t, `
decision_wait: 5s
decision_wait_min: 1s
decision_wait_after_root_received: 3s
decide_early: true
sample_on_first_match: true
annotate_spans: root
decision_log: 5
shadow_policies: [{name: all, type: always_sample}]
rescue_window: 0s
max_trace_mib: 4
compression: s2
decision_memory: {traces_max: 1000}
operations_max: 500
policies:
  - {name: all, type: always_sample}
  - {name: slow, type: latency, latency: {threshold_ms: 5000, upper_threshold_ms: 10000}}
  - {name: number, type: numeric_attribute, numeric_attribute: {key: key1, min_value: 50, max_value: 100, invert_match: true}}
  - {name: share, type: probabilistic, probabilistic: {sampling_percentage: 10, hash_salt: pepper}}
  - {name: status, type: status_code, status_code: {status_codes: [ERROR, UNSET]}}
  - {name: text, type: string_attribute, string_attribute: {key: key2, values: [value1, val*], enabled_regex_matching: true, cache_max_size: 10, invert_match: true}}
  - {name: truth, type: boolean_attribute, boolean_attribute: {key: key4, value: true, invert_match: true}}
  - name: both
    type: and
    and:
      and_sub_policy:
        - {name: part, type: status_code, status_code: {status_codes: [OK]}}
        - {type: always_sample}
  - {name: spans, type: span_count, span_count: {min_spans: 2, max_spans: 20}}
  - {name: state, type: trace_state, trace_state: {key: key3, values: [value1, value2]}}
  - {name: flags, type: trace_flags}
  - {name: rate, type: rate_limiting, rate_limiting: {spans_per_second: 35, burst_capacity: 70}}
  - {name: bytes, type: bytes_limiting, bytes_limiting: {bytes_per_second: 1024000, burst_capacity: 2048000}}
  - {name: no, type: not, not: {not_sub_policy: {name: part, type: status_code, status_code: {status_codes: [OK]}}}}
  - name: several
    type: composite
    composite:
      max_total_spans_per_second: 1000
      policy_order: [one, two]
      composite_sub_policy: [{name: one, type: always_sample}, {name: two, type: always_sample}]
      rate_allocation: [{policy: one, percent: 50}, {policy: two, percent: 25}]
  - {name: unusual, type: relative_latency, relative_latency: {quantile: 0.95, factor: 1.5, floor_ms: 20, min_count: 50}}
  - {name: new, type: first_seen, first_seen: {traces: 5, of: [operation], warm_up: 10m}}
  - {name: rare, type: rare, rare: {traces: 3, window: 30m, fingerprints_max: 5000}}
  - name: out
    type: drop
    drop:
      drop_sub_policy:
        - {name: part, type: string_attribute, string_attribute: {key: url.path, values: [/health]}}
`)
	assert.Equal(t, Config{
		DecisionWait: 5 * time.Second, DecisionWaitMin: time.Second, RescueWindow: 0, MaxTraceMiB: 4, Compression: "s2",
		DecisionWaitAfterRoot: 3 * time.Second, DecideEarly: true, SampleOnFirstMatch: true,
		AnnotateSpans: "root", DecisionLog: 5, ShadowPolicies: []PolicyConfig{{Name: "all", Type: "always_sample"}},
		DecisionMemory: DecisionMemoryConfig{TracesMax: 1000},
		OperationsMax:  500,
		Policies: []PolicyConfig{
			{Name: "all", Type: "always_sample"},
			{Name: "slow", Type: "latency", Latency: &LatencyConfig{ThresholdMs: 5000, UpperThresholdMs: 10000}},
			{Name: "number", Type: "numeric_attribute", NumericAttribute: &NumericAttributeConfig{Key: "key1", MinValue: 50, MaxValue: 100, InvertMatch: true}},
			{Name: "share", Type: "probabilistic", Probabilistic: &ProbabilisticConfig{SamplingPercentage: 10, HashSalt: "pepper"}},
			{Name: "status", Type: "status_code", StatusCode: &StatusCodeConfig{StatusCodes: []string{"ERROR", "UNSET"}}},
			{Name: "text", Type: "string_attribute", StringAttribute: &StringAttributeConfig{
				Key: "key2", Values: []string{"value1", "val*"}, EnabledRegexMatching: true, CacheMaxSize: 10, InvertMatch: true,
			}},
			{Name: "truth", Type: "boolean_attribute", BooleanAttribute: &BooleanAttributeConfig{Key: "key4", Value: true, InvertMatch: true}},
			{Name: "both", Type: "and", And: &AndConfig{SubPolicies: []PolicyConfig{
				{Name: "part", Type: "status_code", StatusCode: &StatusCodeConfig{StatusCodes: []string{"OK"}}},
				{Type: "always_sample"},
			}}},
			{Name: "spans", Type: "span_count", SpanCount: &SpanCountConfig{MinSpans: 2, MaxSpans: 20}},
			{Name: "state", Type: "trace_state", TraceState: &TraceStateConfig{Key: "key3", Values: []string{"value1", "value2"}}},
			{Name: "flags", Type: "trace_flags"},
			{Name: "rate", Type: "rate_limiting", RateLimiting: &RateLimitingConfig{SpansPerSecond: 35, BurstCapacity: 70}},
			{Name: "bytes", Type: "bytes_limiting", BytesLimiting: &BytesLimitingConfig{BytesPerSecond: 1024000, BurstCapacity: 2048000}},
			{Name: "no", Type: "not", Not: &NotConfig{SubPolicy: &PolicyConfig{Name: "part", Type: "status_code", StatusCode: &StatusCodeConfig{StatusCodes: []string{"OK"}}}}},
			{Name: "several", Type: "composite", Composite: &CompositeConfig{
				MaxTotalSpansPerSecond: 1000, PolicyOrder: []string{"one", "two"},
				SubPolicies:    []PolicyConfig{{Name: "one", Type: "always_sample"}, {Name: "two", Type: "always_sample"}},
				RateAllocation: []RateAllocationConfig{{Policy: "one", Percent: 50}, {Policy: "two", Percent: 25}},
			}},
			{Name: "unusual", Type: "relative_latency", RelativeLatency: &RelativeLatencyConfig{Quantile: 0.95, Factor: 1.5, FloorMs: new(int64(20)), MinCount: 50}},
			{Name: "new", Type: "first_seen", FirstSeen: &FirstSeenConfig{Traces: 5, Of: []string{"operation"}, WarmUp: 10 * time.Minute}},
			{Name: "rare", Type: "rare", Rare: &RareConfig{Traces: 3, Window: 30 * time.Minute, FingerprintsMax: 5000}},
			{Name: "out", Type: "drop", Drop: &DropConfig{SubPolicies: []PolicyConfig{
				{Name: "part", Type: "string_attribute", StringAttribute: &StringAttributeConfig{Key: "url.path", Values: []string{"/health"}}},
			}}},
		},
	}, cfg)
}

func TestDefaultsAreValidAndKeepErrorsSlowTracesAndOnePercent(t *testing.T) {
	cfg := mustParse(t, `{}`)
	assert.Equal(t, DefaultConfig(), cfg)
	p, err := Compile(cfg, Options{}, &spanview.Schema{})
	require.NoError(t, err)
	require.Equal(t, 3, p.Len())
	assert.Equal(t, []string{"errors", "slow", "baseline"}, []string{p.Name(0), p.Name(1), p.Name(2)})
}

func TestBadConfigurationIsRefusedWithPathRuleAndValue(t *testing.T) {
	f := func(yaml string, want ...string) {
		t.Helper()
		cfg, err := parse(t, yaml)
		require.NoError(t, err)
		err = cfg.Validate()
		require.Error(t, err)
		assert.Equal(t, want, strings.Split(err.Error(), "\n"))
		_, err = Compile(cfg, Options{}, &spanview.Schema{})
		assert.Error(t, err, "what does not validate must not compile")
	}

	// times and bounds, all at once
	f(`{decision_wait: 0s, decision_wait_min: -1s, rescue_window: -5s, max_trace_mib: 0, decision_memory: {traces_max: -1}, operations_max: 0}`,
		`decision_wait_min must be at least 0s (got -1s)`,
		`decision_wait must be above 0s (got 0s): 10s is the default`,
		`rescue_window must be at least 0s (got -5s): 0s turns it off`,
		`max_trace_mib must be between 1 and 4095 (got 0)`,
		`decision_memory.traces_max must be between 0 and 1073741824 (got -1): 0 turns it off`,
		`operations_max must be between 1 and 100000 (got 0)`)
	f(`{decision_wait: 1s}`,
		`decision_wait must be at least decision_wait_min, 2s (got 1s): lower decision_wait_min as well`)
	f(`{max_trace_mib: 4096}`, `max_trace_mib must be between 1 and 4095 (got 4096)`)

	f(`{annotate_spans: some, decision_log: -1, policies_file: p.yaml, shadow_policies: [{type: always_sample}]}`,
		`policies_file must not be there beside policies or shadow_policies (got "p.yaml"): say them in one place`,
		`annotate_spans must be none, root or all (got "some")`,
		`decision_log must be between 0 and 1048576 (got -1): 0 turns it off`,
		`shadow_policies[0].name must not be empty (got ""): counters are told apart by it`)

	// names
	f(`{policies: [{name: a, type: always_sample}, {type: always_sample}, {name: a, type: always_sample}]}`,
		`policies[1].name must not be empty (got ""): counters are told apart by it`,
		`policies[2].name must be unique (got "a"): policies[0] has it too`)

	// types
	const types = "adaptive_throughput, always_sample, and, boolean_attribute, bytes_limiting, composite, drop, first_seen, latency, not, numeric_attribute, ottl_condition, probabilistic, " +
		"rare, rate_limiting, relative_latency, slo, span_count, status_code, string_attribute, trace_flags, trace_state"
	f(`{policies: [{name: a, type: latancy}]}`,
		`policies[0].type must be a known policy type (got "latancy"): supported are `+types)

	// blocks
	f(`{policies: [{name: a, type: latency}]}`,
		`policies[0].latency must be there (got none): a policy of type latency is configured by it`)
	f(`{policies: [{name: a, type: always_sample, lat%sncy: {threshold_ms: 5}}]}`,
		`policies[0].lat%sncy must not be there (got key "lat%sncy"): a policy has name, type and the block named after its type`)

	// each type's rules
	f(`{policies: [{name: a, type: latency, latency: {threshold_ms: 5, upper_threshold_ms: 5}}]}`,
		`policies[0].latency.upper_threshold_ms must be above threshold_ms, 5 (got 5): leave it out for no upper bound`)
	f(`{policies: [{name: a, type: status_code, status_code: {status_codes: []}}]}`,
		`policies[0].status_code.status_codes must list at least one of OK, ERROR, UNSET (got none)`)
	f(`{policies: [{name: a, type: status_code, status_code: {status_codes: [ERROR, error]}}]}`,
		`policies[0].status_code.status_codes[1] must be OK, ERROR or UNSET (got "error")`)
	f(`{policies: [{name: a, type: probabilistic, probabilistic: {sampling_percentage: .nan}}]}`,
		`policies[0].probabilistic.sampling_percentage must be a number (got NaN): 0 keeps none, 100 all`)
	f(`{policies: [{name: a, type: string_attribute, string_attribute: {cache_max_size: 5}}]}`,
		`policies[0].string_attribute.key must not be empty (got ""): it names the attribute`,
		`policies[0].string_attribute.values must list at least one value (got none)`)
	f(`{policies: [{name: a, type: string_attribute, string_attribute: {key: k, values: [a, "("], enabled_regex_matching: true}}]}`,
		`policies[0].string_attribute.values[1] must be a regular expression (got "("): error parsing regexp: missing closing ): `+"`(`")
	f(`{policies: [{name: a, type: numeric_attribute, numeric_attribute: {key: k}}]}`,
		`policies[0].numeric_attribute must set min_value or max_value (got 0 and 0): 0 stands for no bound`)
	f(`{policies: [{name: a, type: numeric_attribute, numeric_attribute: {key: k, min_value: 7, max_value: 6}}]}`,
		`policies[0].numeric_attribute.min_value must be at most max_value, 6 (got 7)`)
	f(`{policies: [{name: a, type: boolean_attribute, boolean_attribute: {value: true}}]}`,
		`policies[0].boolean_attribute.key must not be empty (got ""): it names the attribute`)

	f(`{decision_wait_after_root_received: -1s}`, `decision_wait_after_root_received must be at least 0s (got -1s): 0s turns it off`)
	f(`{policies: [{name: a, type: span_count, span_count: {min_spans: -1, max_spans: -1}}]}`,
		`policies[0].span_count.max_spans must be 0 or at least min_spans, -1 (got -1): 0 stands for no upper bound`)
	f(`{policies: [{name: a, type: trace_state, trace_state: {}}]}`,
		`policies[0].trace_state.key must not be empty (got ""): it names the tracestate's entry`,
		`policies[0].trace_state.values must list at least one value (got none)`)
	f(`{policies: [{name: a, type: rate_limiting, rate_limiting: {spans_per_second: -1, burst_capacity: -1}}]}`,
		`policies[0].rate_limiting.spans_per_second must be between 0 and 1125899906842624 (got -1): 0 matches nothing`,
		`policies[0].rate_limiting.burst_capacity must be between 0 and 1125899906842624 (got -1): 0 stands for twice the rate`)
	f(`{policies: [{name: a, type: bytes_limiting, bytes_limiting: {bytes_per_second: -1}}]}`,
		`policies[0].bytes_limiting.bytes_per_second must be between 0 and 1125899906842624 (got -1): 0 matches nothing`)

	f(`{policies: [{name: a, type: relative_latency, relative_latency: {quantile: 1, factor: -1, floor_ms: -1, min_count: -1}}]}`,
		`policies[0].relative_latency.quantile must be above 0 and below 1 (got 1): leave it out for 0.99`,
		`policies[0].relative_latency.factor must be above 0 and at most 1000000 (got -1): leave it out for 1`,
		`policies[0].relative_latency.floor_ms must be between 0 and 1099511627776 (got -1): 0 is for no floor`,
		`policies[0].relative_latency.min_count must be between 0 and 1048576 (got -1): 0 stands for 100`)
	f(`{policies: [{name: a, type: first_seen, first_seen: {traces: 101, of: [operation, version], warm_up: -1s}}]}`,
		`policies[0].first_seen.traces must be between 0 and 100 (got 101): 0 stands for 3`,
		`policies[0].first_seen.of[1] must be operation or service.version (got "version")`,
		`policies[0].first_seen.warm_up must be at least 0s (got -1s): 0s takes everything for new at first`)
	f(`{policies: [{name: a, type: rare, rare: {traces: -1, window: 1ms, fingerprints_max: -1}}]}`,
		`policies[0].rare.traces must be between 0 and 1000 (got -1): 0 stands for 2`,
		`policies[0].rare.window must be between 1s and 720h0m0s (got 1ms): leave it out for 15m`,
		`policies[0].rare.fingerprints_max must be between 0 and 1048576 (got -1): 0 stands for 10000`)

	// sub-policies
	f(`{policies: [{name: a, type: and, and: {and_sub_policy: []}}, {name: b, type: drop, drop: {}}]}`,
		`policies[0].and.and_sub_policy must list at least one policy (got none): a list of none would hold for every trace`,
		`policies[1].drop.drop_sub_policy must list at least one policy (got none): a list of none would hold for every trace`)
	parts := strings.NewReplacer("composite, ", "", "drop, ", "").Replace(types)
	f(`{policies: [{name: a, type: and, and: {and_sub_policy: [{type: drop, drop: {}}, {type: latency, latency: {threshold_ms: 1, upper_threshold_ms: 1}}]}}]}`,
		`policies[0].and.and_sub_policy[0].type must not be "drop" here (got "drop"): it stands on its own; supported are `+parts,
		`policies[0].and.and_sub_policy[1].latency.upper_threshold_ms must be above threshold_ms, 1 (got 1): leave it out for no upper bound`)
	f(`{policies: [{name: a, type: drop, drop: {drop_sub_policy: [{type: not, not: {}}]}}]}`,
		`policies[0].drop.drop_sub_policy[0].not.not_sub_policy must be there (got none): it is what is turned around`)
	f(`{policies: [{name: a, type: not, not: {not_sub_policy: {type: composite, composite: {}}}}]}`,
		`policies[0].not.not_sub_policy.type must not be "composite" here (got "composite"): it stands on its own; supported are `+parts)
	f(`{policies: [{name: a, type: composite, composite: {max_total_spans_per_second: -1, policy_order: [x],
		rate_allocation: [{policy: y, percent: -1}], composite_sub_policy: [{name: s, type: always_sample}]}}]}`,
		`policies[0].composite.max_total_spans_per_second must be between 0 and 1125899906842624 (got -1): 0 matches nothing`,
		`policies[0].composite.rate_allocation[0].percent must be at least 0 (got -1)`)
	f(`{policies: [{name: a, type: slo}]}`, `policies[0].slo must be there (got none): a policy of type slo is configured by it`)
	f(`{policies: [{name: a, type: slo, slo: {burning: {sampling_percentage: 101, spans_per_second: -1}}}]}`,
		`policies[0].slo.burning.sampling_percentage must be between 0 and 100 (got 101)`,
		`policies[0].slo.burning.spans_per_second must be between 0 and 1125899906842624 (got -1): 0 stands for no limit`)
	f(`{policies: [{name: a, type: slo, slo: {bad_events: false, burning: {sampling_percentage: 0}}}]}`,
		`policies[0].slo must have bad_events or burning.sampling_percentage (got false and 0): it would match no trace`)
}

func TestUnknownKeysOfABlockAreRefusedByTheDecoder(t *testing.T) {
	_, err := parse(t, `{policies: [{name: a, type: latency, latency: {threshold: 5s}}]}`)
	assert.ErrorContains(t, err, "threshold")
	_, err = parse(t, `{decision_wate: 5s}`)
	assert.ErrorContains(t, err, "decision_wate")
}

func TestSixtyFourPredicatesAreTheMostAndEqualOnesShareABit(t *testing.T) {
	number := func(i int64) PolicyConfig {
		return PolicyConfig{
			Name: "n" + strings.Repeat("x", int(i)), Type: "numeric_attribute",
			NumericAttribute: &NumericAttributeConfig{Key: "key", MinValue: i + 1},
		}
	}
	cfg := DefaultConfig()
	for i := range int64(64) {
		cfg.Policies = append(cfg.Policies, number(i))
	}
	again := number(0)
	again.Name = "again"
	again.NumericAttribute.InvertMatch = true
	cfg.Policies = append(cfg.Policies, again)
	s := &spanview.Schema{}
	p, err := Compile(cfg, Options{}, s)
	require.NoError(t, err)
	assert.Len(t, p.spanTests, 64)
	assert.Equal(t, 1, s.SpanSlots())
	assert.Equal(t, 1, s.ResourceSlots())

	cfg.Policies = append(cfg.Policies, number(64))
	_, err = Compile(cfg, Options{}, &spanview.Schema{})
	assert.ErrorContains(t, err, `cannot compile policies[65]`)
	assert.ErrorContains(t, err, "at most 64 different conditions")
}

func TestMoreKeysThanSlotsAreRefused(t *testing.T) {
	s := &spanview.Schema{}
	for i := range spanview.MaxSlots {
		_, err := s.SpanSlot(strings.Repeat("k", i+1))
		require.NoError(t, err)
	}
	cfg := mustParse(t, `{policies: [{name: a, type: boolean_attribute, boolean_attribute: {key: new, value: true}}]}`)
	_, err := Compile(cfg, Options{}, s)
	assert.ErrorContains(t, err, `cannot compile policies[0] "a": cannot observe span attribute "new"`)
}
