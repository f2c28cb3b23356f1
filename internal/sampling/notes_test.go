package sampling

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

func TestABlockThatItsTypeDoesNotUseIsToldAndHasNoEffect(t *testing.T) {
	cfg := mustParse(t, `
policies:
  - {name: all, type: always_sample, latency: {threshold_ms: 5}, drop: {drop_sub_policy: []}}
  - name: slow errors
    type: and
    and:
      and_sub_policy:
        - {type: latency, latency: {threshold_ms: 5}}
        - {type: status_code, status_code: {status_codes: [ERROR]}, and: {and_sub_policy: [{type: always_sample, latency: {}}]}}
  - {name: health, type: drop, probabilistic: {sampling_percentage: 1}, drop: {drop_sub_policy: [{type: always_sample, status_code: {}}]}}
`)
	require.Equal(t, []string{
		"policies[0].drop has no effect on a policy of type always_sample",
		"policies[0].latency has no effect on a policy of type always_sample",
		"policies[1].and.and_sub_policy[1].and has no effect on a policy of type status_code",
		"policies[2].probabilistic has no effect on a policy of type drop",
		"policies[2].drop.drop_sub_policy[0].status_code has no effect on a policy of type always_sample",
	}, cfg.Notes())

	cfg.Policies = cfg.Policies[:1]
	p, err := Compile(cfg, Options{}, &spanview.Schema{})
	require.NoError(t, err)
	require.True(t, p.Decide(&tracebuf.Record{}).Keep, "a drop block makes no drop policy")
}

func TestAnAndBlockThatIsNotUsedRescuesNothing(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [{name: some, type: probabilistic, probabilistic: {sampling_percentage: 100},
		and: {and_sub_policy: [{type: status_code, status_code: {status_codes: [ERROR]}}]}}]}`)
	require.False(t, p.Rescues(&tracebuf.Record{}, &tracebuf.Record{}))
}

func TestNothingIsToldOfAConfigurationThatCounts(t *testing.T) {
	cfg := DefaultConfig()
	require.Empty(t, cfg.Notes())
	cfg.Policies = DefaultPolicies()
	require.Empty(t, cfg.Notes())
}

func TestSharesBeyondAllAndNoneAreAllAndNone(t *testing.T) {
	for percentage, keep := range map[string]bool{"101": true, "1e9": true, "-1": false, "-.inf": false, ".inf": true} {
		for _, salt := range []string{"''", "pepper"} {
			p, _ := mustCompile(t, `{policies: [{name: a, type: probabilistic, probabilistic: {sampling_percentage: `+percentage+`, hash_salt: `+salt+`}}]}`)
			for id := range byte(10) {
				require.Equal(t, keep, p.Decide(&tracebuf.Record{TraceID: [16]byte{id, 8: id * 25}}).Keep, percentage)
			}
		}
	}
}

func TestANegativeCacheSizeIsTheDefault(t *testing.T) {
	require.Len(t, newRegexCache(-1), regexCacheDefault)
	mustCompile(t, `{policies: [{name: a, type: string_attribute, string_attribute: {key: k, values: [a], cache_max_size: -1}}]}`)
}
