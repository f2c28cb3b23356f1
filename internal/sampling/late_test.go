package sampling

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spanview"
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
		require.False(t, p.Rescues(&tracebuf.Record{}, &probe))
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
		require.False(t, p.Rescues(&tracebuf.Record{}, &r), policies)
		r.Bits = 1
		require.True(t, p.Decide(&r).Keep)
		require.True(t, p.Rescues(&tracebuf.Record{}, &r), policies)
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
		require.False(t, p.Rescues(&tracebuf.Record{}, &r), policies)
	}
}

// A trace that a limit was against is not drawn again with every late span.
func TestALateSpanThatBringsNothingNewRescuesNothing(t *testing.T) {
	const errors = `{name: e, type: status_code, status_code: {status_codes: [ERROR]}}`
	const rate = `{name: r, type: rate_limiting, rate_limiting: {spans_per_second: 1000000}}` // never used up
	rescued := func(policies string, before, after tracebuf.Record) bool {
		p, _ := mustCompile(t, `{policies: [`+policies+`]}`)
		p.Begin(50)
		p.Settle()
		return p.Rescues(&before, &after)
	}
	and := `{name: a, type: and, and: {and_sub_policy: [` + errors + `, ` + rate + `]}}`
	composite := `{name: c, type: composite, composite: {max_total_spans_per_second: 1000000, composite_sub_policy: [` + errors + `, {name: rest, type: always_sample}]}}`
	plain := func(spans uint32) tracebuf.Record {
		return tracebuf.Record{Spans: spans, MaxEnd: uint64(spans) * milli}
	}
	failed := func(spans uint32) tracebuf.Record {
		r := plain(spans)
		r.Bits = 1
		return r
	}
	assert.True(t, rescued(and, plain(1), failed(2)), "it waited for an error")
	assert.False(t, rescued(and, failed(1), failed(2)), "it had one")
	assert.False(t, rescued(composite, plain(1), plain(2)), "its part is the same")
	assert.True(t, rescued(composite, plain(1), failed(2)), "it has another part now")
	assert.False(t, rescued(composite, failed(1), failed(2)))
	assert.True(t, rescued(errors, plain(1), failed(2)))

	// what a drop policy was against may pass when it is so no more
	drop := `{name: d, type: drop, drop: {drop_sub_policy: [{type: not, not: {not_sub_policy: {type: span_count, span_count: {min_spans: 2}}}}]}}`
	assert.True(t, rescued(drop+`, `+errors, failed(1), failed(2)))
}

func TestWhatFurtherSpansCanEndIsNotToldByALateSpanAlone(t *testing.T) {
	f := func(policies string, want bool) {
		t.Helper()
		p, _ := mustCompile(t, `{policies: [`+policies+`]}`)
		assert.Equal(t, want, p.RescuesAlone(&spanview.Span{Bits: 1, End: 600 * milli, Status: spanview.StatusError}), policies)
	}
	const errors = `{name: e, type: status_code, status_code: {status_codes: [ERROR]}}`
	with := func(part string) string {
		return `{name: a, type: and, and: {and_sub_policy: [` + errors + `, ` + part + `]}}`
	}
	f(errors, true)
	f(`{name: n, type: span_count, span_count: {max_spans: 3}}`, false)
	f(`{name: n, type: latency, latency: {threshold_ms: 500, upper_threshold_ms: 1000}}`, false)
	f(with(`{type: latency, latency: {threshold_ms: 500}}`), true)
	f(with(`{type: boolean_attribute, boolean_attribute: {key: k, value: true, invert_match: true}}`), false)
	f(with(`{type: not, not: {not_sub_policy: {type: boolean_attribute, boolean_attribute: {key: k, value: true}}}}`), false)
	// and it stays dropped by what can't be told
	f(errors+`, {name: d, type: drop, drop: {drop_sub_policy: [{type: not, not: {not_sub_policy: {type: boolean_attribute, boolean_attribute: {key: k, value: true}}}}]}}`, false)
}

func TestAnErrorSignatureIsForErrorsOnlyAlsoForALateSpanAlone(t *testing.T) {
	p, _ := mustCompile(t, `{policies: [{name: a, type: adaptive_throughput, adaptive_throughput: {spans_per_second: 100, key: error_signature}}]}`)
	assert.False(t, p.RescuesAlone(&spanview.Span{}))
	assert.True(t, p.RescuesAlone(&spanview.Span{Status: spanview.StatusError}))
}
