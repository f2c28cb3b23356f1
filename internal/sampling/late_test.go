package sampling

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/tracebuf"
)

func TestALateSpanThatADropPolicyRefusesUsesUpNoLimit(t *testing.T) {
	const some = `{name: some, type: and, and: {and_sub_policy: [
		{type: status_code, status_code: {status_codes: [ERROR]}},
		{type: rate_limiting, rate_limiting: {spans_per_second: 10}}]}}`
	const drop = `{name: d, type: drop, drop: {drop_sub_policy: [{type: boolean_attribute, boolean_attribute: {key: probe, value: true}}]}}`
	p, _ := mustCompile(t, `{policies: [`+some+`,`+drop+`]}`)
	round(p, 50, nil)
	probe, failed := tracebuf.Record{Spans: 5, Bits: 3}, tracebuf.Record{Spans: 5, Bits: 1}
	require.False(t, p.Decide(&probe).Keep)
	for range 100 {
		require.False(t, p.Rescues(&probe))
	}
	round(p, 100, []tracebuf.Record{failed})
	require.Equal(t, tracebuf.Verdict{Keep: true, Known: true}, p.Decide(&failed), "within the limit")
}

func TestWhatBurnsSpeaksAgainstATraceLateToo(t *testing.T) {
	const (
		errors  = `{name: e, type: status_code, status_code: {status_codes: [ERROR]}}`
		burning = `{name: b, type: slo, slo: {bad_events: false, burning: {sampling_percentage: 100, spans_per_second: 0}}}`
	)
	for _, policies := range []string{
		errors + `,{name: d, type: drop, drop: {drop_sub_policy: [` + burning + `]}}`,
		`{name: a, type: and, and: {and_sub_policy: [` + errors + `,{type: not, not: {not_sub_policy: ` + burning + `}}]}}`,
	} {
		p, _ := mustCompile(t, `{policies: [`+policies+`]}`)
		r := tracebuf.Record{Spans: 1, Bits: 3} // failed, and it burns
		require.False(t, p.Decide(&r).Keep)
		require.False(t, p.Rescues(&r), policies)
		r.Bits = 1
		require.True(t, p.Decide(&r).Keep)
		require.True(t, p.Rescues(&r), policies)
	}
}

// Whether a trace was rare is known while it is decided only, so a late span can't bring back what was dropped for it.
func TestWhatWasDroppedForBeingRareStaysDropped(t *testing.T) {
	const errors = `{name: e, type: status_code, status_code: {status_codes: [ERROR]}}`
	for _, policies := range []string{
		errors + `,{name: d, type: drop, drop: {drop_sub_policy: [{type: rare, rare: {}}]}}`,
		`{name: r, type: rare, rare: {}},` + errors + `,{name: d, type: drop, drop: {drop_sub_policy: [{type: rare, rare: {}}]}}`,
		`{name: a, type: and, and: {and_sub_policy: [` + errors + `,{type: not, not: {not_sub_policy: {type: rare, rare: {}}}}]}}`,
	} {
		p, _ := mustCompile(t, `{policies: [`+policies+`]}`)
		round(p, 50, nil)
		r := tracebuf.Record{Spans: 1, Bits: 1}
		require.False(t, p.Decide(&r).Keep)
		require.False(t, p.Rescues(&r), policies)
	}
}
