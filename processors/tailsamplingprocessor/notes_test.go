package tailsamplingprocessor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/featuregate"
)

// notes returns what a configuration without a file of policies is answered with.
func notes(t *testing.T, yaml string) []string {
	t.Helper()
	cfg := mustParse(t, yaml)
	ours := cfg.sampling()
	return append(cfg.notes(), cfg.policyNotes(&ours)...)
}

func TestWhatReplacesAKeyIsToldAtStart(t *testing.T) {
	for _, key := range []string{
		"num_traces: 100 ", "expected_new_traces_per_sec: 10 ", "num_shards: 8 ", "decision_cache: ", "maximum_trace_size_bytes: ", "sampling_strategy: ",
		"policies[1].latency has no effect",
	} {
		told := 0
		for _, note := range notes(t, everyKey) {
			if strings.HasPrefix(note, key) {
				told++
			}
		}
		require.Equal(t, 1, told, key)
	}
	require.Len(t, notes(t, everyKey), 7)
	require.Empty(t, notes(t, `{policies: [{name: all, type: always_sample}]}`))
	require.Equal(t, []string{"decision_wait: 0s stands for 1s"},
		notes(t, `{decision_wait: 0s, policies: [{name: all, type: always_sample}]}`))
	require.Equal(t, []string{"decision_wait: 10ns stands for 1s: a number without a unit is nanoseconds, write 10s if seconds are meant"},
		notes(t, `{decision_wait: 10, policies: [{name: all, type: always_sample}]}`))
	ours := mustParse(t, `{decision_wait: 10}`).sampling()
	require.Equal(t, time.Second, ours.DecisionWait)

	bubble(t, func(t *testing.T) {
		r := start(t, `{num_traces: 50000, policies: [{name: all, type: always_sample}]}`)
		require.Len(t, r.logs.FilterMessageSnippet("num_traces: 50000 bounds nothing here").All(), 1)
	})
}

const sloNote = ": a policy of type slo matches nothing: no SLO is declared under slo"

func TestAPolicySLOIsToldWhereverItStands(t *testing.T) {
	const everywhere = `
policies:
  - {name: a, type: slo, slo: {}}
  - {name: b, type: and, and: {and_sub_policy: [{type: always_sample}, {type: slo, slo: {}}, {type: not, not: {not_sub_policy: {type: slo, slo: {}}}}]}}
  - {name: c, type: composite, composite: {max_total_spans_per_second: 9, composite_sub_policy: [{type: and, and: {and_sub_policy: [{type: slo, slo: {}}]}}]}}
  - {name: d, type: drop, drop: {drop_sub_policy: [{type: slo, slo: {}}]}}
shadow_policies:
  - {name: e, type: not, not: {not_sub_policy: {type: slo, slo: {}}}}
`
	want := []string{
		"policies[0]" + sloNote,
		"policies[1].and.and_sub_policy[1]" + sloNote,
		"policies[1].and.and_sub_policy[2].not.not_sub_policy" + sloNote,
		"policies[2].composite.composite_sub_policy[0].and.and_sub_policy[0]" + sloNote,
		"policies[3].drop.drop_sub_policy[0]" + sloNote,
		"shadow_policies[0].not.not_sub_policy" + sloNote,
	}
	require.Equal(t, want, notes(t, everywhere))
	require.Empty(t, notes(t, everywhere+"slo: {slos: [{name: a, service: shop, objective: 99, errors: {}}]}"))

	file := filepath.Join(t.TempDir(), "policies.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(everywhere)
	bubble(t, func(t *testing.T) {
		r := start(t, `{policies_file: `+file+`}`)
		for _, note := range want {
			require.Equal(t, 1, r.logs.FilterMessage(note).Len(), note)
		}
		write(`policies: [{name: all, type: always_sample}, {name: slo, type: slo, slo: {}}]`)
		time.Sleep(15 * time.Second)
		require.Equal(t, 1, r.logs.FilterMessage("policies[1]"+sloNote).Len(), "told of the changed file, too")
	})
}

func TestFeatureGatesOfContribAreTakenAndTold(t *testing.T) {
	registry := featuregate.NewRegistry()
	registry.MustRegister(gatePrefix+"usetracestate", featuregate.StageAlpha)
	registerGates(registry) // that one is there is no reason to end
	require.Empty(t, gateNotes(registry))
	for _, g := range gates {
		require.NoError(t, registry.Set(gatePrefix+g.id, true))
	}
	told := gateNotes(registry)
	require.Len(t, told, 3)
	require.Contains(t, told[0], "feature gate processor.tailsamplingprocessor.recordpolicy: no effect: with annotate_spans: all")

	known := 0
	featuregate.GlobalRegistry().VisitAll(func(g *featuregate.Gate) {
		if strings.HasPrefix(g.ID(), gatePrefix) {
			require.False(t, g.IsEnabled(), g.ID())
			known++
		}
	})
	require.Equal(t, len(gates), known)
}
